"""Several descriptors in one vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError
from stages.assemble import assemble
from stages.context import BuildContext
from stages.embed import handcrafted
from stages.embed.joined import Options, build
from stages.profiles import read_profile
from tests.contracts.test_embedders import cutout, write_backbone

COLOUR = {"name": "handcrafted", "hog": 0.0, "shape": 0.0}
EDGES = {"name": "handcrafted", "colour": 0.0, "side": 32}


def test_parts_lie_one_after_the_other_by_their_weights() -> None:
    built = build(Options(parts=(COLOUR, {**EDGES, "weight": 3})), BuildContext())
    pictures = [cutout(seed) for seed in range(4)]
    rows = built.embed(pictures)
    colour, edges = (
        handcrafted.build(handcrafted.Options(**options), BuildContext())  # type: ignore[arg-type]
        for options in ({"hog": 0.0, "shape": 0.0}, {"colour": 0.0, "side": 32})
    )
    length = np.sqrt(1 + 9)
    np.testing.assert_allclose(
        rows[:, : colour.dimension], colour.embed(pictures) / length, atol=1e-6
    )
    np.testing.assert_allclose(
        rows[:, colour.dimension :], 3 * edges.embed(pictures) / length, atol=1e-6
    )


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([COLOUR], "at least 2"),
        ([COLOUR, {"side": 32}], "needs the name"),
        ([COLOUR, {"name": "none_such"}], "none_such"),
        ([COLOUR, {"name": "joined"}], "joined"),
        ([COLOUR, {"name": "../x"}], "needs the name"),
        ([COLOUR, {"name": "handcrafted", "sides": 32}], "sides"),
        ([COLOUR, {**EDGES, "weight": 0}], "weight"),
        ([COLOUR, {**EDGES, "weight": True}], "weight"),
    ],
)
def test_parts_that_do_not_do_are_named(parts: list[dict[str, object]], fault: str) -> None:
    settings = joined(parts)
    with pytest.raises(ConfigError, match=fault):
        assemble(settings)


def joined(parts: list[dict[str, object]]) -> Settings:
    settings = load(read_profile("classic"))
    stage = settings.embed.model_copy(update={"name": "joined", "options": {"parts": parts}})
    return settings.model_copy(update={"embed": stage})


def test_the_fingerprint_is_of_contents_and_not_of_paths_or_speed(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        write_backbone(folder)

    def fingerprint(**options: object) -> str:
        return assemble(joined([COLOUR, {"name": "onnx", **options}])).fingerprint

    one = fingerprint(weights=str(first / "backbone.onnx"))
    assert fingerprint(weights=str(second / "backbone.onnx")) == one
    assert fingerprint(weights=str(first / "backbone.onnx"), batch=3, normalise=True) == one
    assert fingerprint(weights=str(first / "backbone.onnx"), weight=2) != one


def test_checkpoints_of_parts_are_found_from_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_backbone(tmp_path)
    monkeypatch.chdir(tmp_path)
    parts = assemble(joined([COLOUR, {"name": "onnx", "weights": "backbone.onnx"}]))
    monkeypatch.chdir(tmp_path.parent)
    again = assemble(Settings.from_tables(parts.settings.tables()))
    assert again.fingerprint == parts.fingerprint


def test_it_can_be_set_on_the_command_line() -> None:
    given = 'embed.parts=[{name="handcrafted"}, {name="handcrafted", side=32}]'
    settings = load(read_profile("classic"), flags=["embed.name=joined", given])
    assert assemble(settings).describer.embedder.dimension > 1383
