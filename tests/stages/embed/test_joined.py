"""Several descriptors in one vector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from stages.assemble import assemble
from stages.context import BuildContext
from stages.cutout.crop import Crop
from stages.cutout.crop import Options as CropOptions
from stages.embed import handcrafted
from stages.embed._views import stretched
from stages.embed.joined import Options, build, descriptors_of
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


def test_a_part_may_see_the_box_stretched_and_its_fingerprint_differs() -> None:
    plain = joined([COLOUR, EDGES])
    framed = joined([COLOUR, {**EDGES, "framing": "stretched"}])
    same = joined([COLOUR, {**EDGES, "framing": "letterboxed"}])
    assert assemble(plain).fingerprint == assemble(same).fingerprint
    assert assemble(plain).fingerprint != assemble(framed).fingerprint
    narrow = replace(cutout(0), box=(10, 20, 34, 116))
    rows = assemble(framed).describer.embedder.embed([narrow])
    colour = assemble(plain).describer.embedder.embed([narrow])
    size = descriptors_of(assemble(framed).describer.embedder)[0].size
    np.testing.assert_allclose(rows[:, :size], colour[:, :size], atol=1e-6)
    edges = handcrafted.build(handcrafted.Options(colour=0.0, side=32), BuildContext()).embed(
        [stretched(narrow)]
    )
    np.testing.assert_allclose(rows[:, size:], edges / np.sqrt(2), atol=1e-6)


def test_a_stretched_box_fills_the_square_and_is_the_box_again() -> None:
    image = RGBImage(np.random.default_rng(0).integers(0, 256, (90, 40, 3), np.uint8), "x")
    matte = np.zeros((90, 40), np.float32)
    matte[5:85, 8:28] = 1
    (cut,) = Crop(CropOptions(size=80, margin=0), 1).cut([image], [Matte(matte)])
    found = stretched(cut)
    assert found.alpha.min() == 1
    part = np.ascontiguousarray(image.pixels[5:85, 8:28])
    expected = cv2.resize(part, (80, 80), interpolation=cv2.INTER_LINEAR)
    assert np.abs(found.pixels.astype(int) - expected.astype(int)).max() <= 1


def test_the_descriptors_of_a_row_are_named_with_their_size_and_time() -> None:
    embedder = assemble(joined([COLOUR, EDGES])).describer.embedder
    before = descriptors_of(embedder)
    assert [one.seconds for one in before] == [None, None]
    assert sum(one.size for one in before) == embedder.dimension
    embedder.embed([cutout(0)])
    assert all(one.seconds is not None and one.seconds > 0 for one in descriptors_of(embedder))
    single = handcrafted.build(handcrafted.Options(), BuildContext())
    assert descriptors_of(single) == ()


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
        ([COLOUR, {**EDGES, "framing": "round"}], "framing"),
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
