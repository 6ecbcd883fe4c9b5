"""The command that a report gives to make it again must run; nothing of it may fail."""

from __future__ import annotations

import os
import shlex
from datetime import datetime

import pytest

from offline.evaluate import provenance as module
from offline.evaluate.provenance import load_average, machine, provenance, shown_command


def test_a_command_can_be_typed_again_without_the_place_of_the_program() -> None:
    given = ["/opt/bin/packsight", "evaluate", "table", "--data", "my photos", "--set", "a.b='c'"]
    shown = shown_command(given)
    assert shlex.split(shown) == ["packsight", *given[1:]]
    assert shown_command([]) == "packsight"


def test_a_provenance_holds_what_it_takes_to_make_the_report_again() -> None:
    made = provenance("drawn", "a" * 64, {"queries": 3}, seed=5, command=["packsight", "x"])
    assert (made.command, made.dataset, made.seed) == ("packsight x", "drawn", 5)
    assert {"packsight", "python", "numpy"} <= set(made.versions)
    assert datetime.fromisoformat(made.created).tzinfo is not None
    assert int(made.machine["cores"]) >= 1


def test_what_a_platform_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError

    monkeypatch.setattr(os, "sysconf", refuse)
    monkeypatch.setattr(os, "getloadavg", refuse)
    monkeypatch.setattr(module.Path, "read_text", refuse)
    assert "memory" not in machine() and machine()["platform"]
    assert load_average() is None
