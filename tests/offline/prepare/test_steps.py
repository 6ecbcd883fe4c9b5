"""The record of the steps that are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.prepare import steps
from offline.prepare.estimates import of_copy


def test_a_record_that_cannot_be_read_records_nothing(tmp_path: Path) -> None:
    for text in ("", "[]", '{"u2net": 3}', "\x00"):
        (tmp_path / steps.RECORD).write_text(text)
        step = steps.Step("u2net", "", (tmp_path / "x",), str, lambda c: None, of_copy(0))
        assert not steps.Record(tmp_path).is_whole(step)


def test_a_step_that_fails_is_not_recorded(tmp_path: Path) -> None:
    def fail(callbacks: object) -> None:
        raise ConfigError("no")

    step = steps.Step("one", "", (tmp_path / "x",), str, fail, of_copy(0))
    with pytest.raises(ConfigError):
        steps.take_steps(tmp_path, (step,), steps.Callbacks(), print)
    assert not steps.whole_steps(tmp_path, (step,))
