"""`packsight train`: what it offers, and its errors where a framework is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.datasets.packbench import shipped
from packsight.commands.train import TRAINERS
from tests.packsight_command import command

# None in sys.modules makes an import fail as if there were no such package.
WITHOUT = "import sys; sys.modules.update(dict.fromkeys(('torch', 'keras', 'tensorflow')));"
NEEDY = {
    "classifier": ("--weights", "none", "--profile", "classic", "--set", "segment.name=whole"),
    "segmenter": (),
    "matting": (),
    "embedder": (),
}


def test_every_trainer_shows_its_help() -> None:
    for name in TRAINERS:
        shown = command("train", name, "--help")
        source = "--gallery" if name == "whitening" else "--data"
        assert shown.code == 0 and source in shown.out and "--out" in shown.out


def test_no_part_and_an_unknown_one_are_usage_errors() -> None:
    for arguments in ((), ("nothing",)):
        refused = command("train", *arguments)
        assert refused.code == 2 and "COMMAND" in refused.err
    assert "classifier" in command("train", "nothing").err


@pytest.mark.parametrize("name", sorted(NEEDY))
def test_a_missing_framework_is_one_line_that_names_the_extra(name: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = command("train", name, "--data", shipped(), "--out", out, *NEEDY[name], before=WITHOUT)
    assert done.code == 1 and "packsight[train]" in done.line
