"""Labels that vectors miss and print finds, in galleries small and large."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engine import exhaustive
from engine.config import QuerySettings, RouteSettings
from engine.errors import ConfigError
from engine.galleries.local import LocalGallery
from engine.galleries.memory import MemoryGallery
from engine.keypoints import UNLIKE, Keypoints, TentativeMatch
from engine.manifest import Manifest
from engine.protocols import KeypointMatcher, Searchable
from engine.search import Searcher
from engine.types import Hit, Matte, Results, RGBImage
from stages.context import BuildContext
from stages.keypoints import sift
from stages.rerank import none
from tests.engine.fake_parts import fake_describer, plain_image
from tests.engine.made_descriptions import entry
from tests.engine.made_keypoints import label

PRODUCTS = 40
BUILT = sift.build(sift.Options(), BuildContext())


@dataclass(frozen=True)
class ByUri:
    """Compares as SIFT does; an image's uri, PRODUCT, PRODUCT-VIEW or PRODUCT-VIEWm
    for its mirror image, names its label."""

    matcher: KeypointMatcher
    checked: int = 4

    @property
    def least(self) -> int:
        return self.matcher.least

    @property
    def weight(self) -> float:
        return self.matcher.weight

    @property
    def vocabulary(self) -> sift.HalvesVocabulary:
        return sift.shipped_vocabulary()

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        return [of_uri(image.uri) for image in images]

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        return self.matcher.mirrored(keypoints)

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        return self.matcher.match(query, candidates)


def of_uri(uri: str) -> Keypoints:
    product, _, view = uri.partition("-")
    shown = label(int(product), int(view.removesuffix("m") or 0))
    if not view.endswith("m"):
        return shown
    geometry = shown.geometry.copy()
    geometry[:, 0] = 1 - geometry[:, 0]
    geometry[:, 3] = (np.pi - geometry[:, 3]) % (2 * np.pi)
    return Keypoints(geometry, BUILT.mirrored(shown).descriptors)


DESCRIBER = replace(fake_describer(), keypoints=ByUri(BUILT))


def put(gallery: LocalGallery, *products: int) -> None:
    """Each of a colour of its own: vectors put product 0 first for a black photo."""
    categories = ["light" if product % 2 else "dark" for product in products]
    images = [plain_image(product, uri=str(product)) for product in products]
    described = [one.description for one in DESCRIBER.describe(images, categories)]
    pairs = zip(products, categories, strict=True)
    gallery.add([entry(str(one), category, f"p{one}") for one, category in pairs], described)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    with LocalGallery.create(tmp_path / "g", Manifest("f" * 64, 3, normalised=False)) as opened:
        put(opened, *range(PRODUCTS))
        yield opened


@pytest.fixture(params=["whole", "words"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Galleries as if they were small, or large."""
    if request.param == "words":
        large(monkeypatch)
    return str(request.param)


def large(monkeypatch: pytest.MonkeyPatch, proposed: int = 5) -> None:
    whole = exhaustive.PrintSearch
    monkeypatch.setattr(
        "engine.search.PrintSearch", lambda *parts: whole(*parts, whole=9, proposed=proposed)
    )


def searcher(gallery: Searchable, **query: bool) -> Searcher:
    return Searcher(
        DESCRIBER,
        gallery,
        none.build(none.Options(), BuildContext()),
        RouteSettings(hard=True),
        normalised=False,
        query=QuerySettings(**query),
    )


def found(
    gallery: Searchable, uri: str, categories: Sequence[str] | None = None, exhaustive: bool = True
) -> Results:
    """Of a black photo with this label."""
    asked = searcher(gallery, exhaustive=exhaustive)
    return asked.search(plain_image(0, uri=uri), 3, categories)


def first(results: Results) -> Hit:
    return results.hits[0]


def test_a_label_far_from_its_vector_is_found_by_its_print(
    gallery: LocalGallery, size: str
) -> None:
    missed = found(gallery, "37-1", exhaustive=False)
    assert first(missed).record.product_id == "p0"
    results = found(gallery, "37-1")
    hit = first(results)
    assert (hit.record.product_id, hit.rank) == ("p37", 1)
    assert hit.distance == pytest.approx(37)
    assert hit.score == pytest.approx(1 / 38)
    assert hit.match is not None
    assert hit.match.inliers > 20
    assert [one.record.product_id for one in results.hits[1:]] == ["p0", "p1"]
    assert (gallery.folder / "indexes").is_dir()
    assert bool(list((gallery.folder / "indexes").glob("*.words"))) == (size == "words")


def test_a_mirrored_label_is_found_by_its_print(gallery: LocalGallery, size: str) -> None:
    hit = first(found(gallery, "37-1m"))
    assert hit.record.product_id == "p37"
    assert hit.match is not None and hit.match.mirrored


def test_every_category_is_searched_unless_some_are_named(gallery: LocalGallery, size: str) -> None:
    results = found(gallery, "37-1")
    assert set(results.route.categories) == {"dark", "light"}
    assert "exhaustive" in results.route.why
    limited = found(gallery, "37-1", ["dark"])
    assert limited.route.categories == ("dark",)
    assert "p37" not in {hit.record.product_id for hit in limited.hits}
    assert first(found(gallery, "36-1", ["dark"])).record.product_id == "p36"


def test_a_photo_without_print_is_searched_by_its_vector(gallery: LocalGallery, size: str) -> None:
    by_vector = found(gallery, "900")
    assert [hit.record.product_id for hit in by_vector.hits] == ["p0", "p1", "p2"]
    assert all(hit.match is None or hit.match.inliers <= 5 for hit in by_vector.hits)


def test_images_that_are_left_out_do_not_come_back_by_their_print(
    gallery: LocalGallery, size: str
) -> None:
    asked = searcher(gallery, exhaustive=True)
    query = asked.describe(plain_image(0, uri="37-1")).description
    (source,) = gallery.find(product_id="p37")
    ranked = asked.rank(query, 3, without=[source.id])
    assert "p37" not in {hit.record.product_id for hit in ranked.products}
    assert asked.rank(query, 3).products[0].record.id == source.id


def test_a_gallery_in_memory_finds_the_same(gallery: LocalGallery, size: str) -> None:
    ids = [source.id for source in gallery.sources()]
    memory = MemoryGallery(gallery.records(ids))
    for product in (3, 30, 37):
        mine, other = found(memory, f"{product}-1"), found(gallery, f"{product}-1")
        assert [hit.record.id for hit in mine.hits] == [hit.record.id for hit in other.hits]


def test_a_gallery_without_keypoints_is_refused_with_the_way_to_have_them(
    gallery: LocalGallery,
) -> None:
    plain = replace(searcher(gallery), describer=fake_describer())
    with pytest.raises(ConfigError) as error:
        replace(plain, query=QuerySettings(exhaustive=True))
    assert "keypoints.name=sift" in (error.value.remedy or "")


def test_what_is_found_by_print_stands_within_the_hits_that_are_compared(
    gallery: LocalGallery,
) -> None:
    hits = (
        searcher(gallery)
        .rank(DESCRIBER.describe([plain_image(0, uri="900")])[0].description, 40, ["dark"])
        .retrieved
    )
    alike = {hits[at].record.id: UNLIKE for at in (15, 2, 12)}
    order = exhaustive.with_print_first(hits, alike, 4)
    ids = [hit.record.id for hit in hits]
    assert [hit.record.id for hit in order[:5]] == [ids[0], ids[1], ids[2], ids[15], ids[3]]
    assert sorted(hit.record.id for hit in order) == sorted(ids)
    assert [hit.rank for hit in order] == list(range(1, len(hits) + 1))


def test_new_and_removed_images_are_searched_as_they_are(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    assert first(found(gallery, "37-1")).record.product_id == "p37"
    put(gallery, 71)
    assert first(found(gallery, "71-1")).record.product_id == "p71"
    gallery.remove([source.id for source in gallery.find(product_id="p37")])
    assert "p37" not in {hit.record.product_id for hit in found(gallery, "37-1").hits}
    gallery.build_indexes(DESCRIBER.keypoints)
    assert len(list((gallery.folder / "indexes").glob("*.words"))) == 2
    assert gallery.check() == []


@pytest.mark.parametrize("keep", [0, 4, 40, 5000])
def test_a_truncated_index_of_keypoints_is_derived_anew(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    large(monkeypatch)
    found(gallery, "37-1")
    for path in (gallery.folder / "indexes").glob("*.words"):
        path.write_bytes(path.read_bytes()[:keep])
    with LocalGallery.open(gallery.folder) as again:
        assert len(again.check()) == 2
        assert first(found(again, "37-1")).record.product_id == "p37"
        assert again.check() == []


def test_a_changed_byte_is_found_by_a_check_and_mended_by_a_rebuild(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    found(gallery, "37-1")
    for path in (gallery.folder / "indexes").glob("*.words"):
        data = bytearray(path.read_bytes())
        data[-3000] ^= 0x40  # a list that holds an image there is not
        path.write_bytes(bytes(data))
    with LocalGallery.open(gallery.folder) as again:
        assert len(again.check()) == 2
        assert first(found(again, "37-1")).record.product_id == "p37"
    gallery.rebuild()
    assert gallery.check() == []
    assert not list((gallery.folder / "indexes").glob("*.words"))
    assert first(found(gallery, "37-1")).record.product_id == "p37"


def test_what_a_killed_builder_left_is_passed_over_and_deleted(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    left = gallery.folder / "indexes" / ".packsight-0.part.words"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    os.utime(left, (0, 0))  # long ago: no writer is at work at it
    assert first(found(gallery, "37-1")).record.product_id == "p37"
    gallery.build_indexes()
    assert not left.exists()
    assert gallery.check() == []


def test_two_that_search_at_once_find_the_same(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    large(monkeypatch)
    one, other = (LocalGallery.open(gallery.folder) for _ in range(2))
    with one, other, one.snapshot(), other.snapshot():
        answers = [found(which, "37-1") for which in (one, other, one)]
    assert {first(answer).record.product_id for answer in answers} == {"p37"}
