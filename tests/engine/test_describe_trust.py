"""Masks that are not trusted, from the cutter to the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.describe import Describer
from engine.errors import StageError
from engine.galleries import open_gallery
from engine.protocols import Segmenter
from engine.timings import Stopwatch
from engine.types import Cutout, Description, FloatArray, Hit, Matte, Record, RGBImage
from stages.context import BuildContext
from stages.cutout import crop
from stages.rerank import fused
from tests.engine.fake_parts import CornerCutter, fake_describer, plain_image
from tests.engine.made_descriptions import entry, manifest


class LeftSegmenter:
    """The left half is product, the bottom edge excepted."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        mattes = []
        for image in images:
            alpha = np.zeros(image.pixels.shape[:2], np.float32)
            alpha[1:-1, 1 : image.width // 2] = 1.0
            mattes.append(Matte(alpha))
        return mattes


class Seeing(CornerCutter):
    """Remembers the mattes that it was given."""

    def __init__(self) -> None:
        self.mattes: list[Matte] = []

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        self.mattes += mattes
        return super().cut(images, mattes)


class TrustsRed:
    """Trusts masks of red images; records the mattes that it scored."""

    threshold = 0.5

    def __init__(self) -> None:
        self.mattes: list[Matte] = []

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        assert isinstance(segmenter, LeftSegmenter)
        self.mattes += mattes
        return np.array([image.pixels[0, 0, 0] / 255 for image in images], np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        return Matte(np.zeros_like(matte.alpha))  # which cutters take for the whole image


class Halving:
    """A matting that makes every alpha half of what it was."""

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        return [Matte(matte.alpha / 2) for matte in mattes]


RED, BLUE = plain_image(255), plain_image(0, 0, 255)


def trusting(**parts: object) -> Describer:
    return replace(fake_describer(), segmenter=LeftSegmenter(), **parts)  # type: ignore[arg-type]


def test_a_mask_that_is_not_trusted_is_kept_from_the_cutter_and_flagged() -> None:
    cutter = Seeing()
    red, blue = trusting(cutter=cutter, trust=TrustsRed()).describe([RED, BLUE])
    assert (red.trust, blue.trust) == (1.0, 0.0)
    np.testing.assert_array_equal(cutter.mattes[0].alpha, LeftSegmenter().segment([RED])[0].alpha)
    assert cutter.mattes[1].alpha.max() == 0.0
    assert not red.description.quality.untrusted
    assert blue.description.quality.flags[-1] == "untrusted"


def test_the_real_cutter_sees_the_whole_image_where_the_mask_is_not_trusted() -> None:
    cutter = crop.build(crop.Options(size=16), BuildContext())
    red, blue = trusting(cutter=cutter, trust=TrustsRed()).describe([RED, BLUE])
    assert blue.cutout.box == (0, 0, 8, 8)
    assert red.cutout.box[2] < 8


def test_exactly_the_threshold_is_trusted() -> None:
    trust = TrustsRed()
    trust.threshold = 100 / 255
    found = trusting(trust=trust).describe([plain_image(100), plain_image(99)])
    assert [one.description.quality.untrusted for one in found] == [False, True]


def test_the_contour_of_an_untrusted_mask_is_kept() -> None:
    (described,) = trusting(trust=TrustsRed()).describe([BLUE])
    (without,) = trusting().describe([BLUE])
    assert described.description.contour.area == without.description.contour.area > 0
    assert without.trust is None and not without.description.quality.untrusted


def test_matting_comes_after_the_trust() -> None:
    trust, cutter = TrustsRed(), Seeing()
    watch = Stopwatch()
    parts = {"trust": trust, "matting": Halving(), "cutter": cutter}
    trusting(**parts).describe([RED], watch=watch)
    assert trust.mattes[0].alpha.max() == 1.0
    assert cutter.mattes[0].alpha.max() == 0.5
    assert list(watch.seconds)[:4] == ["segment", "trust", "matting", "cutout"]


def test_a_trust_that_breaks_is_named() -> None:
    class BrokenTrust(TrustsRed):
        def trust(self, *_: object) -> FloatArray:
            raise ValueError("lost its mind")

    with pytest.raises(StageError, match="trust failed: ValueError: lost its mind"):
        trusting(trust=BrokenTrust()).describe([RED])


def test_an_untrusted_contour_is_not_reranked_and_has_a_reason() -> None:
    red, blue = trusting(trust=TrustsRed()).describe([RED, BLUE])
    hits = [hit_of(1, blue.description), hit_of(2, red.description), hit_of(3, red.description)]
    reranker = fused.build(fused.Options(weight=1.0), BuildContext())
    kept = reranker.rerank(red.description, hits)
    assert (kept[0].record.id, kept[0].iou) == (1, None)
    assert "catalogue" in kept[0].why and "mask" in kept[0].why
    assert kept[1].iou == 1.0
    assert all(hit.iou is None for hit in reranker.rerank(blue.description, hits))


def test_a_gallery_gives_the_flag_back(tmp_path: Path) -> None:
    (blue,) = trusting(trust=TrustsRed()).describe([BLUE])
    with open_gallery(tmp_path / "gallery", manifest=manifest(dimension=3)) as gallery:
        (identity,) = gallery.add([entry("blue")], [blue.description])
        (record,) = gallery.records([identity])
    assert record.description.quality == blue.description.quality
    assert record.description.quality.untrusted


def hit_of(identity: int, described: Description) -> Hit:
    record = Record(identity, "", f"p{identity}", "jar", True, "x.jpg", {}, described)
    return Hit(record, identity, 1.0, 0.0)
