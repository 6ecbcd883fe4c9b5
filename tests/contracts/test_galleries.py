"""What every gallery promises, held against a list and numpy."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.adaptation import Adaptation, Domain
from engine.distances import METRICS, Metric, distances
from engine.errors import FingerprintError, GalleryError
from engine.galleries import open_gallery
from engine.protocols import WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.types import (
    UNCATEGORISED,
    CategoryCounts,
    CategoryScores,
    Embedding,
    GivenTable,
    MaskInDoubt,
    MatteQuality,
    Neighbour,
    SkippedFile,
)
from tests.contracts.conftest import NewAddress
from tests.engine.made_adaptations import adaptation, head
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import described, entry, manifest


@pytest.fixture
def gallery(address: str) -> Iterator[WritableGallery]:
    with open_gallery(address, manifest=manifest()) as opened:
        yield opened


@cache
def kept_address(new_address: NewAddress) -> str:
    """To make a gallery takes longer than to search it."""
    return new_address()


def vector(*numbers: float) -> Embedding:
    return Embedding(np.array(numbers, np.float32))


def put(gallery: WritableGallery, name: str, at: tuple[float, float], category: str = "jar") -> int:
    (identity,) = gallery.add([entry(name, category)], [described(at, category)])
    return identity


def test_what_was_added_comes_back_as_it_was(gallery: WritableGallery) -> None:
    given_entry = entry("a", "jar", "cream", {"colour": "grün", "size": "50 ml"})
    given_description = described((3, 4))
    (identity,) = gallery.add([given_entry], [given_description])
    (record,) = gallery.records([identity])
    assert (record.id, record.uri, record.sha256) == (identity, given_entry.uri, "sha of a")
    assert (record.product_id, record.category, record.labelled) == ("cream", "jar", True)
    assert record.attributes == {"colour": "grün", "size": "50 ml"}
    back = record.description
    np.testing.assert_array_equal(back.embedding.vector, [3, 4])
    np.testing.assert_array_equal(back.contour.packed, given_description.contour.packed)
    np.testing.assert_array_equal(back.aligned.packed, given_description.aligned.packed)
    assert (back.contour.area, back.aligned.area) == (4 * 128, 4 * 128)
    assert back.scores.names == ("jar",)
    assert back.quality == given_description.quality


def test_an_image_is_stored_under_the_id_that_it_has_elsewhere(gallery: WritableGallery) -> None:
    first = put(gallery, "a", (1, 0))
    ids = [first + 40, first + 20]
    named = [entry("b"), entry("c", "stick")]
    assert gallery.add(named, [described((0, 1)), described((0, 2), "stick")], ids=ids) == ids
    assert [source.uri for source in gallery.sources()] == [
        entry(name).uri for name in ("a", "c", "b")
    ]
    assert put(gallery, "d", (1, 1)) > max(ids)
    assert gallery.check() == []


def test_an_image_takes_the_id_and_the_uri_of_others(gallery: WritableGallery) -> None:
    first, second, third = (put(gallery, name, (1, at)) for at, name in enumerate("abc"))
    gallery.withdraw([first])
    gallery.add([entry("b", "stick")], [described((0, 3), "stick")], ids=[first])
    assert {source.id: source.uri for source in gallery.sources()} == {
        first: entry("b").uri,
        third: entry("c").uri,
    }
    assert gallery.withdrawn() == [] and gallery.source(second) is None
    assert gallery.categories() == {"jar": 1, "stick": 1}
    assert [one.id for one in gallery.search(vector(0, 3), 1)] == [first]
    assert gallery.check() == []


@pytest.mark.parametrize("trust", [None, 0.0, 1 / 3, 1.0])
def test_a_masks_trust_comes_back_as_it_was(gallery: WritableGallery, trust: float | None) -> None:
    (identity,) = gallery.add([entry("a")], [replace(described((3, 4)), trust=trust)])
    (record,) = gallery.records([identity])
    assert record.description.trust == trust
    assert gallery.check() == []


def test_a_image_without_a_label_gets_the_predicted_category(gallery: WritableGallery) -> None:
    (identity,) = gallery.add([entry("a", None)], [described((1, 0), "stick")])
    (record,) = gallery.records([identity])
    assert (record.category, record.labelled) == ("stick", False)
    assert gallery.search(vector(1, 0), 5, labelled_only=True) == []
    assert len(gallery.search(vector(1, 0), 5)) == 1


def test_while_searching_as_now_what_is_added_is_not_found(gallery: WritableGallery) -> None:
    before = put(gallery, "a", (1, 0))
    with gallery.searching_as_now():
        put(gallery, "b", (1, 0))
        new = put(gallery, "c", (1, 0), "tube")
        assert [one.id for one in gallery.search(vector(1, 0), 5)] == [before]
    assert new in {one.id for one in gallery.search(vector(1, 0), 5)}
    assert gallery.check() == []


def test_categories_are_counted_by_where_they_are_from(gallery: WritableGallery) -> None:
    def predicted(name: str, category: str, *, unknown: bool) -> int:
        scores = CategoryScores((category,), np.ones(1, np.float32), unknown)
        description = replace(described((1, 0)), scores=scores)
        (identity,) = gallery.add([entry(name, None)], [description])
        return identity

    put(gallery, "labelled", (1, 0))
    predicted("known", "jar", unknown=False)
    odd = predicted("odd", "jar", unknown=True)
    predicted("odd too", "stick", unknown=True)
    predicted("none", UNCATEGORISED, unknown=False)
    assert gallery.category_counts() == CategoryCounts(1, 3, 2, 1)
    gallery.amend({odd: entry("renamed", None)})
    assert gallery.category_counts() == CategoryCounts(1, 3, 2, 1)
    gallery.amend({odd: entry("renamed", "stick")})
    assert gallery.category_counts() == CategoryCounts(2, 2, 1, 1)


def test_ids_are_aligned_with_the_entries_and_records_with_the_ids(
    gallery: WritableGallery,
) -> None:
    names = ["c", "a", "b"]
    ids = gallery.add([entry(n) for n in names], [described((i, 0)) for i in range(3)])
    assert [record.product_id for record in gallery.records(ids[::-1])] == names[::-1]


def test_an_unknown_id_is_named(gallery: WritableGallery) -> None:
    with pytest.raises(KeyError, match="77"):
        gallery.records([77])


def test_the_same_uri_is_replaced_and_keeps_its_id(gallery: WritableGallery) -> None:
    first = put(gallery, "a", (1, 0), "jar")
    gallery.search(vector(1, 0), 1)
    second = put(gallery, "a", (0, 9), "stick")
    assert second == first
    assert len(gallery) == 1
    assert gallery.categories() == {"stick": 1}
    assert gallery.search(vector(0, 9), 5) == [Neighbour(first, 0.0, "stick")]
    assert gallery.check() == []


def test_removing_says_how_many_there_were_and_forgets_the_category(
    gallery: WritableGallery,
) -> None:
    ids = [put(gallery, "a", (1, 0), "jar"), put(gallery, "b", (2, 0), "stick")]
    assert gallery.remove([ids[0], 999]) == 1
    assert gallery.categories() == {"stick": 1}
    assert [n.id for n in gallery.search(vector(1, 0), 5)] == [ids[1]]
    assert gallery.check() == []
    assert gallery.remove(ids) == 1
    assert (len(gallery), gallery.search(vector(1, 0), 5), gallery.check()) == (0, [], [])


def test_an_id_is_never_given_twice(gallery: WritableGallery) -> None:
    first = put(gallery, "a", (1, 0))
    gallery.remove([first])
    assert put(gallery, "b", (1, 0)) != first


def test_amending_moves_and_relabels_without_touching_the_description(
    gallery: WritableGallery,
) -> None:
    identity = put(gallery, "a", (1, 2), "jar")
    gallery.search(vector(1, 2), 1)
    gallery.amend({identity: entry("moved", "stick", "other", {"new": "yes"})})
    (record,) = gallery.records([identity])
    assert (record.uri, record.product_id) == ("/pictures/moved.jpg", "other")
    assert (record.category, record.attributes) == ("stick", {"new": "yes"})
    np.testing.assert_array_equal(record.description.embedding.vector, [1, 2])
    assert gallery.search(vector(1, 2), 5, ["jar"]) == []
    assert gallery.search(vector(1, 2), 5, ["stick"]) == [Neighbour(identity, 0.0, "stick")]
    assert gallery.check() == []


def test_a_label_makes_the_scores_certain_again(gallery: WritableGallery) -> None:
    (identity,) = gallery.add([entry("a", None)], [described((1, 0), "stick")])
    gallery.amend({identity: entry("a", "jar")})
    (record,) = gallery.records([identity])
    assert (record.category, record.labelled) == ("jar", True)
    assert record.description.scores.ranked() == [("jar", 1.0)]


def test_a_label_cannot_be_amended_away(gallery: WritableGallery) -> None:
    identity = put(gallery, "a", (1, 0))
    with pytest.raises(ValueError, match="label"):
        gallery.amend({identity: entry("a", None)})
    with pytest.raises(KeyError):
        gallery.amend({404: entry("b")})
    assert gallery.records([identity])[0].labelled


def test_an_error_amid_a_batch_stores_nothing_of_it(gallery: WritableGallery) -> None:
    put(gallery, "old", (1, 0))
    with pytest.raises(GalleryError, match="3"):
        gallery.add([entry("a"), entry("b")], [described((1, 0)), described((1, 2, 3))])
    with pytest.raises(ValueError):
        gallery.add([entry("a"), entry("b")], [described((1, 0))])
    assert [source.uri for source in gallery.sources()] == ["/pictures/old.jpg"]
    put(gallery, "a", (1, 0))  # the connection is sound
    assert gallery.check() == []


def test_a_query_of_another_dimension_is_refused(gallery: WritableGallery) -> None:
    with pytest.raises(GalleryError, match=r"2\b.*\b3\b"):
        gallery.search(vector(1, 2, 3), 1)


def test_another_fingerprint_is_refused_with_the_way_out(address: str) -> None:
    with open_gallery(address, manifest=manifest()) as gallery:
        put(gallery, "a", (1, 0))
    with pytest.raises(FingerprintError, match="--gallery NEW"):
        open_gallery(address, manifest=manifest(fingerprint="0" * 64))
    open_gallery(address, manifest=manifest()).close()  # and lets the lock go


def test_an_empty_gallery_takes_another_fingerprint(address: str) -> None:
    open_gallery(address, manifest=manifest()).close()
    with open_gallery(address, manifest=manifest(fingerprint="0" * 64)) as gallery:
        put(gallery, "a", (1, 0))
    with open_gallery(address) as gallery:
        assert gallery.manifest.fingerprint == "0" * 64
        assert gallery.check() == []


def test_what_is_withdrawn_is_found_by_its_id_alone(gallery: WritableGallery) -> None:
    one, other = put(gallery, "a", (1, 0)), put(gallery, "b", (2, 0), "stick")
    before = gallery.records([one, other])
    gallery.build_indexes()
    assert gallery.withdraw([one, 404]) == 1 and gallery.withdraw([one]) == 0
    assert [near.id for near in gallery.search(vector(1, 0), 5)] == [other]
    assert [source.id for source in gallery.sources()] == [other] and len(gallery) == 1
    assert gallery.categories() == {"stick": 1} and gallery.find(product_id="a") == []
    (found,) = gallery.withdrawn()
    assert found == gallery.source(one) and gallery.withdrawn(one) == []
    assert gallery.find(sha256="sha of a", withdrawn=True) == [found]
    assert [record.id for record in gallery.records([one, other])] == [one, other]
    assert gallery.contours([one])[0].area == before[0].description.contour.area
    assert not gallery.keypoints([one])[0]
    assert gallery.check() == []


def test_what_is_restored_is_as_it_was(gallery: WritableGallery) -> None:
    odd = CategoryScores(("jar",), np.ones(1, np.float32), unknown=True)
    given = replace(entry("a", None, attributes={"a": "b"}), mask="m", inode=2**64 - 1)
    (one,) = gallery.add([given], [replace(described((1, 0)), scores=odd, trust=0.5)])
    source, counts = gallery.source(one), gallery.category_counts()
    gallery.withdraw([one])
    assert gallery.restore([one]) == 1 and gallery.restore([one]) == 0
    assert gallery.source(one) == source and gallery.category_counts() == counts
    assert [near.id for near in gallery.search(vector(1, 0), 5)] == [one]
    assert gallery.withdrawn() == [] and gallery.check() == []


def test_an_image_stored_anew_is_withdrawn_no_longer(gallery: WritableGallery) -> None:
    one = put(gallery, "a", (1, 0))
    gallery.withdraw([one])
    assert put(gallery, "a", (2, 0)) == one and gallery.withdrawn() == []
    gallery.add([entry("a"), entry("b")], [described((1, 0))] * 2, {"sha of a"})
    assert [source.id for source in gallery.withdrawn()] == [one]
    assert [source.product_id for source in gallery.sources()] == ["b"]
    assert gallery.remove([one]) == 1 and gallery.withdrawn() == []
    assert gallery.source(one) is None and gallery.check() == []


def test_a_gallery_of_withdrawn_images_is_not_empty(address: str) -> None:
    with open_gallery(address, manifest=manifest()) as gallery:
        gallery.withdraw([put(gallery, "a", (1, 0))])
    with pytest.raises(FingerprintError):
        open_gallery(address, manifest=manifest(fingerprint="0" * 64))


SKIPPED = (
    SkippedFile("/p/a.jpg", 1, 2, 3, 4, reason="is damaged.", decoders="Pillow 12"),
    SkippedFile("/p/b.jpg", 5, 2**62, 2**62, 2**64 - 1, sha256="0" * 64),
)


def test_skipped_files_are_remembered_until_they_are_forgotten(
    gallery: WritableGallery,
) -> None:
    assert gallery.skipped() == {}
    gallery.keep_skipped(SKIPPED)
    assert gallery.skipped() == {file.uri: file for file in SKIPPED}
    changed = replace(SKIPPED[0], mtime_ns=3)
    gallery.keep_skipped([changed], forget=["/p/b.jpg", "/p/none.jpg"])
    assert gallery.skipped() == {"/p/a.jpg": changed}
    assert gallery.check() == []


def test_label_tables_are_remembered_by_folder(gallery: WritableGallery) -> None:
    table = GivenTable("/t/labels.csv", "0" * 64, 3)
    gallery.keep_label_table("/p", table)
    gallery.keep_label_table("/q", table)
    gallery.keep_label_table("/p", replace(table, rows=4))
    gallery.keep_label_table("/q", None)
    assert gallery.label_tables() == {"/p": replace(table, rows=4)}
    assert gallery.check() == []


def nearest_by_hand(
    vectors: list[tuple[float, float]], query: tuple[float, float], made: Adaptation
) -> list[int]:
    """Places of the vectors, nearest first, as adapted."""
    rows = made.adapted(np.array(vectors, np.float32), "catalogue")
    asked = made.adapted(np.array([query], np.float32), "photo")[0]
    found = np.linalg.norm(rows.astype(np.float64) - asked, axis=1)
    return np.argsort(found, kind="stable").tolist()


def test_an_adapted_gallery_is_searched_by_adapted_vectors(
    gallery: WritableGallery, tmp_path: Path
) -> None:
    vectors = [(0.0, 1.0), (3.0, 1.0), (1.0, 4.0), (5.0, 5.0), (-2.0, 0.5)]
    ids = [put(gallery, str(at), one, f"c{at % 2}") for at, one in enumerate(vectors)]
    query = (4.0, 2.0)
    for made in (adaptation(), adaptation(projection=None), adaptation(scale=(1, 3))):
        gallery.adapt(made)
        assert gallery.check() == []
        asked = AdaptedNeighbours(gallery, "photo")
        found = [neighbour.id for neighbour in asked.search(vector(*query), 5)]
        assert found == [ids[at] for at in nearest_by_hand(vectors, query, made)]
        with open_gallery(gallery.name) as reader:
            again = AdaptedNeighbours(reader, "photo").search(vector(*query), 5)
            assert [neighbour.id for neighbour in again] == found
    gallery.adapt_by(None)
    raw = [neighbour.id for neighbour in gallery.search(vector(*query), 5)]
    distances_of = [math.dist(query, one) for one in vectors]
    assert raw == [ids[at] for at in np.argsort(distances_of, kind="stable")]
    assert gallery.check() == []


def test_photos_in_a_gallery_are_adapted_as_photos(gallery: WritableGallery) -> None:
    """By their role, also where it is given or taken later."""
    made = adaptation()
    gallery.adapt(made)
    role = {"role": "photo"}
    places = {"a": ((0.0, 1.0), {}), "b": ((3.0, 1.0), role), "c": ((1.0, 4.0), role)}
    ids = {}
    for name, (place, attributes) in places.items():
        given = replace(entry(name), attributes=attributes)
        (ids[name],) = gallery.add([given], [described(place)])

    def distances_of() -> dict[int, float]:
        found = AdaptedNeighbours(gallery, "photo").search(vector(4, 2), 3)
        return {one.id: one.distance for one in found}

    def expected(roles: Mapping[str, Domain]) -> dict[int, float]:
        query = made.adapted(np.array([[4, 2]], np.float32), "photo")[0]
        rows = {
            name: made.adapted(np.array([places[name][0]], np.float32), role)[0]
            for name, role in roles.items()
        }
        return {ids[name]: float(np.linalg.norm(row - query)) for name, row in rows.items()}

    before = expected({"a": "catalogue", "b": "photo", "c": "photo"})
    assert distances_of() == pytest.approx(before, abs=1e-5)
    gallery.amend({ids["a"]: replace(entry("a"), attributes=role), ids["b"]: entry("b")})
    after = expected({"a": "photo", "b": "catalogue", "c": "photo"})
    assert distances_of() == pytest.approx(after, abs=1e-5)
    assert gallery.check() == []


def test_images_that_come_later_are_adapted_too(gallery: WritableGallery) -> None:
    put(gallery, "a", (0, 1))
    gallery.adapt(adaptation())
    new = put(gallery, "b", (3, 1))
    (nearest,) = AdaptedNeighbours(gallery, "catalogue").search(vector(3, 1), 1)
    assert (nearest.id, nearest.distance) == (new, pytest.approx(0, abs=1e-3))
    assert gallery.records([new])[0].description.embedding.vector.tolist() == [3, 1]
    assert gallery.check() == []


def test_a_category_head_predicts_in_place_of_the_vote(gallery: WritableGallery) -> None:
    put(gallery, "a", (2, 1), "jar")
    put(gallery, "b", (1, 3), "cap")
    voted = CategoryScores.certain("cap")
    asked = AdaptedNeighbours(gallery, "photo")
    gallery.adapt(adaptation())
    assert asked.predicted(vector(3, 2), lambda: voted) is voted
    made = adaptation(head=head(weights=((2, -1, 0), (0, 1, -3), (1, 0, 0)), vote_weight=0.1))
    assert made.head is not None and made.identity != adaptation().identity
    gallery.adapt(made)
    found = asked.predicted(vector(3, 2), lambda: voted)
    # (3, 2) - (2, 1) projected is (1, 2, 2), brought to length 1.
    expected = made.head.scores(vector(*np.array([1, 2, 2]) / 3).vector, voted)
    assert found.names == ("jar", "cap", "tin") and found.top == "jar"
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=1e-6)
    gallery.adapt_by(1)
    assert asked.predicted(vector(3, 2), lambda: voted) is voted


@pytest.mark.parametrize("of_photos", [True, False])
def test_a_category_head_predicts_what_it_was_judged_by(
    gallery: WritableGallery, of_photos: bool
) -> None:
    put(gallery, "a", (2, 1), "jar")
    put(gallery, "b", (1, 3), "cap")
    weights = ((9, -1, 0), (0, 1, -3), (1, 0, 0))
    gallery.adapt(adaptation(head=head(weights=weights, of_photos=of_photos)))
    voted = CategoryScores.certain("cap")
    for domain, predicts in (("photo", of_photos), ("catalogue", not of_photos)):
        asked = AdaptedNeighbours(gallery, "photo" if domain == "photo" else "catalogue")
        found = asked.predicted(vector(3, 2), lambda: voted)
        assert (found is not voted) == predicts


def test_a_category_that_is_gone_is_not_predicted(gallery: WritableGallery) -> None:
    identity = put(gallery, "a", (2, 1), "jar")
    put(gallery, "b", (1, 3), "cap")
    gallery.adapt(adaptation(head=head(weights=((9, -1, 0), (0, 1, -3), (1, 0, 0)))))
    asked, voted = AdaptedNeighbours(gallery, "photo"), CategoryScores.certain("cap")
    assert asked.predicted(vector(3, 2), lambda: voted).top == "jar"
    gallery.amend({identity: entry("a", "jars")})
    assert asked.predicted(vector(3, 2), lambda: voted).top == "cap"


def test_adaptations_are_kept_by_version_and_one_may_go_back(gallery: WritableGallery) -> None:
    put(gallery, "a", (0, 1))
    assert (gallery.adapted_by(), gallery.adaptation(), gallery.adaptations()) == (None, None, {})
    versions = [
        gallery.adapt(adaptation(photo_mean=(number, 7), products=number)) for number in range(4)
    ]
    assert versions == sorted(set(versions))
    assert [one.products for one in gallery.adaptations().values()] == [0, 1, 2, 3]
    gallery.adapt_by(versions[1])
    now = gallery.adaptation()
    assert gallery.adapted_by() == versions[1]
    assert now is not None and now.report.products == 1
    with pytest.raises(GalleryError, match="99"):
        gallery.adapt_by(99)
    for number in range(9):
        gallery.adapt(adaptation(photo_mean=(number, 8), products=number))
    assert 5 <= len(gallery.adaptations()) <= 6
    assert list(gallery.adaptations())[-1] == gallery.adapted_by()


def test_images_that_came_while_another_adaptation_was_used_are_adapted(
    gallery: WritableGallery,
) -> None:
    put(gallery, "a", (1, 0))
    version = gallery.adapt(adaptation())
    gallery.adapt_by(None)
    new = put(gallery, "b", (0, 3))
    gallery.adapt_by(version)
    assert {one.id for one in gallery.search(vector(1, 1, 1), 5)} == {1, new}
    assert gallery.check() == []


def test_an_adaptation_for_other_vectors_is_refused(gallery: WritableGallery) -> None:
    put(gallery, "a", (0, 1))
    three = adaptation(catalogue_mean=(1, 1, 1), photo_mean=(1, 1, 1), projection=None)
    with pytest.raises(GalleryError, match="3"):
        gallery.adapt(three)
    assert gallery.adapted_by() is None


def test_a_reader_sees_one_adaptation_for_as_long_as_it_looks(gallery: WritableGallery) -> None:
    for number in range(5):
        put(gallery, str(number), (number, 1))
    with open_gallery(gallery.name) as reader:
        with reader.snapshot():
            before = AdaptedNeighbours(reader, "photo").search(vector(2, 1), 5)
            gallery.adapt(adaptation(photo_mean=(9, -3)))
            assert reader.adaptation() is None
            assert AdaptedNeighbours(reader, "photo").search(vector(2, 1), 5) == before
        assert reader.adaptation() is not None


def test_what_the_file_system_gave_comes_back(gallery: WritableGallery) -> None:
    given = replace(entry("a"), ctime_ns=2**62, inode=2**64 - 1)
    (identity,) = gallery.add([given], [described((1, 0))])
    (source,) = (source for source in gallery.sources() if source.id == identity)
    assert (source.ctime_ns, source.inode) == (2**62, 2**64 - 1)


numbers = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])
row = st.tuples(st.sampled_from(["jar", "stick", "puff"]), st.booleans(), numbers, numbers)


def slow_distance(a: tuple[float, float], b: tuple[float, float], metric: Metric) -> float:
    """As the textbook has it; the cosine of no direction is 0."""
    if metric == "euclidean":
        return math.dist(a, b)
    product = a[0] * b[0] + a[1] * b[1]
    if metric == "inner_product":
        return -product
    lengths = math.hypot(*a) * math.hypot(*b)
    return 1 - product / lengths if lengths else 1.0


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(row, max_size=90),
    at=st.tuples(numbers, numbers),
    k=st.integers(1, 120),
    categories=st.none() | st.sets(st.sampled_from(["jar", "stick", "puff", "none such"])),
    labelled_only=st.booleans(),
)
def test_search_equals_sorting_everything_by_distance_and_id(
    new_address: NewAddress,
    metric: Metric,
    rows: list[tuple[str, bool, float, float]],
    at: tuple[float, float],
    k: int,
    categories: set[str] | None,
    labelled_only: bool,
) -> None:
    address = kept_address(new_address)
    with open_gallery(address, manifest=manifest()) as gallery:
        gallery.remove([source.id for source in gallery.sources()])  # of the example before
        entries = [
            entry(str(number), category if labelled else None)
            for number, (category, labelled, _, _) in enumerate(rows)
        ]
        ids = gallery.add(entries, [described((x, y), category) for category, _, x, y in rows])
        expected = sorted(
            # Rounded, since parallel vectors of two lengths tie by cosine up to rounding alone.
            (round(slow_distance((x, y), at, metric), 5), identity, category)
            for identity, (category, labelled, x, y) in zip(ids, rows, strict=True)
            if (categories is None or category in categories) and (labelled or not labelled_only)
        )
        asked = None if categories is None else sorted(categories)

        def search(k: int) -> list[Neighbour]:
            return gallery.search(vector(*at), k, asked, labelled_only=labelled_only, metric=metric)

        found = search(k)
        np.testing.assert_allclose(
            [n.distance for n in found], [d for d, _, _ in expected[:k]], atol=1e-5
        )
        if metric != "cosine":  # the others are exact on these numbers, ties too
            assert [(n.id, n.category) for n in found] == [(i, c) for _, i, c in expected[:k]]
        assert [(n.distance, n.id) for n in found] == sorted((n.distance, n.id) for n in found)
        # Asking for fewer or for more of the same ranking gives its head and its continuation.
        assert search(1) == found[:1]
        assert search(k + 70)[:k] == found
        assert gallery.check() == []


@pytest.mark.parametrize("metric", METRICS)
def test_exact_duplicates_in_many_dimensions_tie_by_id(
    new_address: NewAddress, metric: Metric
) -> None:
    random = np.random.default_rng(3)
    for dimension in (7, 64, 129):
        kinds = random.normal(size=(4, dimension)).astype(np.float32)
        with open_gallery(new_address(), manifest=manifest(dimension)) as gallery:
            which = random.integers(0, 4, 203)
            ids = gallery.add(
                [entry(str(number)) for number in range(203)],
                [described(kinds[kind].tolist()) for kind in which],
            )
            query = Embedding(random.normal(size=dimension).astype(np.float32))
            twin = distances(query.vector[None], kinds, metric)[0]
            for k in (1, 5, 66, 203, 400):
                found = gallery.search(query, k, metric=metric)
                order = sorted(range(203), key=lambda at: (twin[which[at]], ids[at]))[:k]
                assert [n.id for n in found] == [ids[at] for at in order]


def test_another_metric_derives_other_indexes_beside_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    with open_gallery(folder, manifest=manifest()) as gallery:
        ids = [put(gallery, "long", (9, 3)), put(gallery, "near", (1, 0.5))]
        gallery.build_indexes()
        before = {path.name for path in (folder / "indexes").iterdir()}
        for metric, best in (("euclidean", 1), ("cosine", 0), ("inner_product", 0)):
            found = gallery.search(vector(1, 0.3), 1, metric=metric)
            assert [n.id for n in found] == [ids[best]]
        after = {path.name for path in (folder / "indexes").iterdir()}
        assert before < after and len(after) == 3
        gallery.build_indexes()  # keeps what is in step
        assert {path.name for path in (folder / "indexes").iterdir()} == after
        put(gallery, "new", (2, 0.6))
        assert gallery.search(vector(1, 0.3), 1, metric="cosine")[0].id == 3
        gallery.build_indexes()  # brought up to date, not written anew
        assert {path.name for path in (folder / "indexes").iterdir()} == after
        assert gallery.check() == []


def test_vectors_of_zeros_are_at_right_angles_to_everything(gallery: WritableGallery) -> None:
    ids = [put(gallery, "against", (-1, 0)), put(gallery, "zero", (0, 0))]
    found = gallery.search(vector(1, 0), 2, metric="cosine")
    assert [(n.id, n.distance) for n in found] == [(ids[1], 1.0), (ids[0], 2.0)]
    nowhere = gallery.search(vector(0, 0), 2, metric="cosine")
    assert [(n.id, n.distance) for n in nowhere] == [(ids[0], 1.0), (ids[1], 1.0)]


def test_a_snapshot_sees_nothing_of_a_later_commit(address: str) -> None:
    with open_gallery(address, manifest=manifest()) as writer:
        put(writer, "a", (1, 0))
        with open_gallery(address) as reader:
            with reader.snapshot():
                assert len(reader) == 1
                put(writer, "b", (1, 0), "stick")
                writer.remove([1])
                assert [n.id for n in reader.search(vector(1, 0), 5)] == [1]
                assert reader.records([1])[0].product_id == "a"
                assert reader.categories() == {"jar": 1}
            assert [n.id for n in reader.search(vector(1, 0), 5)] == [2]
            assert reader.categories() == {"stick": 1}


def test_readers_in_threads_beside_a_writer_see_whole_batches(address: str) -> None:
    batches, size = 25, 4
    with (
        open_gallery(address, manifest=manifest()) as writer,
        open_gallery(address) as shared,
    ):
        faults: list[object] = []
        stop = threading.Event()

        def read() -> None:
            try:
                while not stop.is_set():
                    with shared.snapshot():
                        found = shared.search(vector(0, 0), 1000)
                        records = shared.records([n.id for n in found])
                        count = len(shared)
                    if len(found) % size or len(records) != len(found) or count != len(found):
                        faults.append((len(found), len(records), count))
            except Exception as error:
                faults.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for batch in range(batches):
            names = [f"{batch}-{number}" for number in range(size)]
            writer.add(
                [entry(name, "jar" if batch % 2 else "stick") for name in names],
                [described((batch, number)) for number in range(size)],
            )
        stop.set()
        for thread in threads:
            thread.join()
        assert faults == []
        assert len(writer) == batches * size
        assert writer.check() == []


def test_a_calibration_survives_until_it_is_replaced_or_taken_away(address: str) -> None:
    with open_gallery(address, manifest=manifest()) as gallery:
        assert gallery.calibration() is None
        assert gallery.calibrate(calibration()) is False
    with open_gallery(address, write=True) as gallery:
        assert gallery.calibration() == calibration()
        put(gallery, "a", (1, 0))
        assert gallery.calibrate(calibration(threshold=0.5)) is True
        assert gallery.check() == []
    with open_gallery(address) as reader:
        assert reader.calibration() == calibration(threshold=0.5)
        with open_gallery(address, write=True) as gallery:
            assert gallery.calibrate(None) is True
            assert gallery.calibrate(None) is False
        assert reader.calibration() is None  # seen without opening anew


def test_a_reader_cannot_calibrate(address: str) -> None:
    open_gallery(address, manifest=manifest()).close()
    with (
        open_gallery(address) as reader,
        pytest.raises(GalleryError, match="for reading only"),
    ):
        reader.calibrate(calibration())


def test_masks_in_doubt_are_those_with_flags_or_little_trust(gallery: WritableGallery) -> None:
    flags = {"a": (), "b": ("touches_border",), "c": (), "d": ("own_alpha",), "e": ("empty",)}
    trusts = {"a": 0.95, "b": 0.95, "c": 0.3, "d": None, "e": None}
    ids = {
        name: gallery.add(
            [replace(entry(name), mask="drawn" if name == "e" else None)],
            [
                replace(
                    described((1, 0)),
                    quality=MatteQuality.from_flags(flags[name]),
                    trust=trusts[name],
                )
            ],
        )[0]
        for name in flags
    }
    assert gallery.masks_in_doubt(0.9) == [
        MaskInDoubt(ids["b"], "sha of b", 0.95, ("touches_border",)),
        MaskInDoubt(ids["c"], "sha of c", 0.3, ()),
    ]
    (contour,) = gallery.contours([ids["a"]])
    assert contour.area == described((1, 0)).contour.area
    with pytest.raises(KeyError):
        gallery.contours([99])


def test_predictions_are_of_images_without_labels(gallery: WritableGallery) -> None:
    put(gallery, "labelled", (1, 0), "jar")
    assert not gallery.has_predictions()
    ids = [gallery.add([entry(n, None)], [described((1, 0), "jar")])[0] for n in ("a", "b")]
    found = gallery.predictions("jar", 10)
    assert [(one.id, one.sha256, one.scores.top) for one in found] == [
        (ids[0], "sha of a", "jar"),
        (ids[1], "sha of b", "jar"),
    ]
    assert len(gallery.predictions("jar", 1)) == 1 and gallery.predictions("stick", 9) == []
    assert gallery.predicted_categories(["sha of a"]) == {"jar": 1}
    given = {one: replace(entry(n, "jar"), overruled="") for one, n in zip(ids, "ab", strict=True)}
    gallery.amend(given)
    assert gallery.predicted_categories([]) == {} and gallery.has_predictions()


def test_one_content_of_two_products_is_found(gallery: WritableGallery) -> None:
    for name, product in (("a", "p"), ("b", "p"), ("c", "q")):
        gallery.add([replace(entry(name, "jar", product), sha256="same")], [described((1, 0))])
    put(gallery, "d", (0, 1))
    (found,) = gallery.same_content(10)
    assert [source.product_id for source in found] == ["p", "p", "q"]
    assert [source.id for source in gallery.find(sha256="same")] == [one.id for one in found]
    assert gallery.ids_after(found[0].id, 2) == [one.id for one in found[1:]]
    assert gallery.same_content(0) == []
