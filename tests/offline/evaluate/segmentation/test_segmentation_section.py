"""The segmentation section: metrics of every image, charts, and the worst masks."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.images import load
from offline.evaluate.segmentation import segmentation_section
from offline.evaluate.segmentation.show import RULES
from offline.metrics import masks as mask_metrics
from offline.metrics.masks import s_measure
from offline.report.document import Cards, Figure, Group, Histogram, Section, Table
from tests.offline.evaluate.segmentation.masked_pictures import (
    FadingMatting,
    GroundSegmenter,
    HalfTrust,
    cutting_parts,
    drawn,
    masked_image,
    some,
)


def group(section: Section, name: str) -> Group:
    (found,) = [one for one in section.groups if one.name == name]
    return found


def value(section: Section, name: str, figure: str) -> Figure:
    (found,) = [one for one in group(section, name).figures if one.name == figure]
    return found


def table(section: Section, title: str) -> dict[str, tuple[str, ...]]:
    tables = [block for block in section.blocks if isinstance(block, Table)]
    (found,) = [block for block in tables if block.title == title]
    return {row[0]: row[1:] for row in found.rows}


def test_a_segmenter_without_fault_is_perfect_by_every_metric(tmp_path: Path) -> None:
    images = some(tmp_path)
    section, faults = segmentation_section(images, cutting_parts(GroundSegmenter()), 0)
    assert faults == ()
    for figure in section.groups[0].figures:
        assert figure.value == pytest.approx(1.0 if figure.better == "higher" else 0.0)
    assert [one.name for one in section.groups] == [
        "all",
        "category / bottle",
        "category / jar",
        "look / phone",
        "look / studio",
    ]
    assert section.notes[1:] == RULES


def test_every_figure_is_the_mean_of_its_images(tmp_path: Path) -> None:
    images = some(tmp_path)
    segmenter = GroundSegmenter(lost=40)
    section, _ = segmentation_section(images, cutting_parts(segmenter), 0)
    everything = group(section, "all")
    assert everything.items == tuple(image.id for image in images)
    truths = [drawn(load(image.path).pixels) for image in images]
    lost = [truth * (np.arange(len(truth)) >= 40)[:, None] for truth in truths]
    lost = [alpha.astype(np.float32) for alpha in lost]
    pairs = list(zip(lost, truths, strict=True))
    for name, of in (
        ("IoU", mask_metrics.iou),
        ("boundary F", mask_metrics.boundary_f),
        ("MAE", mask_metrics.mae),
        ("SAD (thousands)", mask_metrics.sad),
        ("S-measure", s_measure),
    ):
        found = value(section, "all", name)
        assert found.samples == pytest.approx([of(*pair) for pair in pairs])
        assert found.value == pytest.approx(np.mean([of(*pair) for pair in pairs]))
    bands = [mask_metrics.unknown_band(truth, 5) for truth in truths]
    edges = [mask_metrics.mse(*p, band) for p, band in zip(pairs, bands, strict=True)]
    assert value(section, "all", "MSE at edges").samples == pytest.approx(edges)
    jars = value(section, "category / jar", "IoU")
    assert jars.samples == pytest.approx([mask_metrics.iou(*pair) for pair in pairs[2:]])


def test_what_matting_adds_has_a_table(tmp_path: Path) -> None:
    images = some(tmp_path)
    parts = cutting_parts(GroundSegmenter(), FadingMatting())
    section, _ = segmentation_section(images, parts, 0)
    assert value(section, "without matting", "MAE").value == 0.0
    faded = value(section, "all", "MAE").value
    assert faded is not None and faded > 0.01
    assert value(section, "all", "IoU").value == 1.0
    rows = table(section, "What matting changes")
    assert rows["MAE"][:3] == ("lower", "0.000", f"{faded:.3f}")
    assert rows["MAE"][3] == f"{faded:+.4f}" and rows["IoU"][3] == "+0.0000"


def test_the_worst_masks_come_first_and_are_shown_whole(tmp_path: Path) -> None:
    images = some(tmp_path)
    parts = cutting_parts(GroundSegmenter(lost=60))
    section, _ = segmentation_section(images, parts, 0, worst=3)
    (cards,) = [block for block in section.blocks if isinstance(block, Cards)]
    overlaps = dict(
        zip(group(section, "all").items, value(section, "all", "IoU").samples or (), strict=True)
    )
    expected = sorted(overlaps, key=lambda name: (overlaps[name], name))[:3]
    assert [card.title for card in cards.cards] == expected
    for card in cards.cards:
        assert [one.label for one in card.pictures] == ["photo", "true mask", "predicted", "both"]
        assert f"IoU {overlaps[card.title]:.3f}" in card.lines[0]
        sizes = {Image.open(io.BytesIO(one.jpeg)).size for one in card.pictures}
        assert sizes == {(96, 128)}


def test_flags_and_trust_stand_against_the_iou(tmp_path: Path) -> None:
    images = some(tmp_path)
    parts = cutting_parts(GroundSegmenter(lost=128), trust=HalfTrust())
    section, _ = segmentation_section(images, parts, 0)
    rows = table(section, "Quality flags against IoU")
    assert rows["empty"] == ("4", "0.000", "0.000")
    assert rows["untrusted"][0] == "3"
    assert rows["any of them"][0] == "4" and rows["none"] == ("0", "–", "–")
    trust = [b for b in section.blocks if isinstance(b, Histogram) and b.x == "trust"]
    assert [sum(counts) for one in trust for counts in one.counts.values()] == [0, 4]


def test_what_has_no_mask_or_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    images = some(tmp_path)
    images[0].path.write_text("no picture")
    Path(str(images[1].mask)).write_text("no mask")
    bare = replace(images[2], id="bare", mask=None)
    section, faults = segmentation_section([*images, bare], cutting_parts(GroundSegmenter()), 0)
    assert group(section, "all").items == tuple(image.id for image in images[2:])
    assert len(faults) == 2
    assert str(images[0].path) in faults[0] and str(images[1].mask) in faults[1]
    counts = ("measured: 2,", "without a true mask: 1.", "Not readable: 2.")
    assert all(count in section.notes[0] for count in counts)


@pytest.mark.parametrize("unreadable", [False, True])
def test_without_a_mask_the_section_has_a_note_with_the_reason(
    tmp_path: Path, unreadable: bool
) -> None:
    image = masked_image(tmp_path, "jar", 0)
    if unreadable:
        image.path.write_text("no picture")
    else:
        image = replace(image, mask=None)
    section, faults = segmentation_section([image], cutting_parts(GroundSegmenter()), 0)
    assert section.groups == () and section.blocks == ()
    assert "Masks were not measured" in section.notes[0] and len(faults) == unreadable


def test_true_masks_that_are_all_empty_have_no_f_beta(tmp_path: Path) -> None:
    image = masked_image(tmp_path, "jar", 0)
    with Image.open(Path(str(image.mask))) as mask:
        Image.new("L", mask.size, 0).save(Path(str(image.mask)))
    section, _ = segmentation_section([image], cutting_parts(GroundSegmenter()), 0)
    for name in ("max F-beta, own cut", "max F-beta, one cut for all"):
        found = value(section, "all", name)
        assert found.value is None and found.why == "every true mask is empty"
    assert value(section, "all", "IoU").value == 0.0
