"""What people decided about products, as fits see it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from engine.curation import Curation
from engine.decisions import Decision, Judgement, Pair
from engine.galleries.local import LocalGallery
from engine.parallel import one_blas_thread
from offline.adapt.answers import images_of_products, view_answers
from offline.adapt.gallery import adapt_gallery
from offline.adapt.left_out import search_of
from offline.adapt.no_match import fit_no_match
from offline.adapt.same_products import same_products
from offline.adapt.vectors import product_numbers, read_vectors
from offline.calibration.answers import ProductIndex
from offline.datasets import DatasetImage
from tests.engine.made_descriptions import described, entry, manifest
from tests.offline.adapt.test_adapt_gallery import filled
from tests.offline.adapt.test_no_match import mark, serving


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def small(folder: Path) -> LocalGallery:
    """Products a to e, two images of each."""
    gallery = LocalGallery.create(folder, manifest(2))
    for number, product in enumerate("abcde"):
        for view in "12":
            name = product + view
            gallery.add(
                [entry(name, "jar", product, sha256=sha(name))], [described([number, int(view)])]
            )
    return gallery


def pair(one: str, other: str, *, same: bool = True) -> Pair:
    return Pair(sha(one), sha(other), "same product" if same else "different products")


def judged(query: str, product: str, *, same: bool = True) -> Judgement:
    return Judgement(sha(query), product, same)


@pytest.mark.parametrize(
    ("decisions", "groups"),
    [
        ([], []),
        ([pair("a1", "b2")], ["ab"]),
        ([pair("b1", "a2"), pair("c1", "b1")], ["abc"]),
        ([judged("d1", "e"), pair("a1", "b1")], ["ab", "de"]),
        ([pair("a1", "a2"), judged("b1", "b")], []),
        ([pair("a1", "b1"), pair("a2", "b2", same=False)], []),
        ([pair("a1", "b1"), pair("b1", "c1"), judged("c2", "a", same=False)], ["ab"]),
        ([judged("a1", "none"), judged("a photo", "a"), pair("a1", "gone")], []),
        ([Pair(sha("a1"), sha("b1"), "same image")], []),
        ([judged("a1", "a", same=False), pair("a1", "b1")], ["ab"]),
    ],
)
def test_products_that_people_called_the_same_are_one(
    tmp_path: Path, decisions: list[Decision], groups: list[str]
) -> None:
    with small(tmp_path / "g") as gallery:
        with Curation.open(tmp_path / "g") as curation:
            curation.decide(decisions)
        same = same_products(gallery)
        assert same == {name: group[0] for group in groups for name in group}
        numbers = product_numbers(gallery)
        together = {name: same.get(name, name) for name in "abcde"}
        assert sorted(set(numbers.values())) == list(range(len(set(together.values()))))
        for one in "abcde":
            for other in "abcde":
                joined = together[one] == together[other]
                assert (numbers[one] == numbers[other]) is joined
                assert (
                    bool(images_of_products(gallery)[one] & images_of_products(gallery)[other])
                    is joined
                )


def test_content_of_several_products_joins_none(tmp_path: Path) -> None:
    with small(tmp_path / "g") as gallery:
        gallery.add([entry("f", "jar", "f", sha256=sha("a1"))], [described([9, 9])])
        with Curation.open(tmp_path / "g") as curation:
            curation.decide([pair("a1", "b1"), judged("a1", "c")])
        assert same_products(gallery) == {}


def test_views_of_the_same_product_under_two_ids_find_each_other(tmp_path: Path) -> None:
    with small(tmp_path / "g") as gallery:
        with Curation.open(tmp_path / "g") as curation:
            curation.decide([pair("a1", "b1")])
        search = search_of(serving(gallery), gallery, 0)
        found = view_answers(search, gallery, 0, lambda done, total: None)
        present = [answer for answer in found.answers if answer.present]
        of_a = [answer for answer in present if answer.product in ("a", "b")]
        assert len(of_a) == 4 and all(answer.right.sum() == 2 for answer in of_a)
        absent = [answer for answer in found.answers if not answer.present]
        assert not any(answer.right.any() for answer in absent)
        assert {len(answer.right) for answer in absent if answer.product in ("a", "b")} == {3}


@one_blas_thread()
def test_a_gallery_whose_products_were_split_is_fitted_as_if_they_were_whole(
    tmp_path: Path,
) -> None:
    """The third view of every product under an id of its own, and a decision that mends it."""
    with filled(tmp_path / "whole", products=24, loud=0.5) as whole:
        mark(whole)
        outcome = adapt_gallery(whole)
        part = fit_no_match(whole, lambda: serving(whole))
        records = whole.records([source.id for source in whole.sources()])
    split = LocalGallery.create(tmp_path / "split", manifest(16))
    decisions: list[Decision] = []
    with split as gallery, Curation.open(tmp_path / "split") as curation:
        for record in records:
            name = Path(record.uri).stem
            product = f"{record.product_id} again" if name.endswith("2") else record.product_id
            made = entry(name, "jar", product, record.attributes, sha256=sha(name))
            gallery.add([made], [record.description])
            if product != record.product_id:
                decisions.append(pair(name, f"{record.product_id}-0"))
        curation.decide(decisions)
        _, ours, _ = read_vectors(gallery, 0)
        assert len(np.unique(ours.products)) == 24
        again = adapt_gallery(gallery)
        assert again.report.parts == outcome.report.parts
        assert (again.report.before, again.report.after) == (
            outcome.report.before,
            outcome.report.after,
        )
        repeated = fit_no_match(gallery, lambda: serving(gallery))
        assert repeated.taken and part.taken and repeated.why == part.why


def test_what_was_judged_of_a_photo_wins_over_its_label(tmp_path: Path) -> None:
    photos = {}
    for name in ("labelled", "judged", "disputed", "renamed", "plain"):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(name.encode())
        photos[name] = DatasetImage(name, path, product="a" if name != "plain" else None)
    with small(tmp_path / "g") as gallery:
        with Curation.open(tmp_path / "g") as curation:
            curation.decide(
                [
                    judged("judged", "c"),
                    judged("disputed", "a", same=False),
                    judged("renamed", "a", same=False),
                    judged("renamed", "d"),
                    judged("plain", "e"),
                    judged("labelled", "not there"),
                ]
            )
        index = ProductIndex(gallery)
        assert {name: index.name_of(photo) for name, photo in photos.items()} == {
            "labelled": "a",
            "judged": "c",
            "disputed": None,
            "renamed": "d",
            "plain": "e",
        }
        assert [name for name, photo in photos.items() if index.is_disputed(photo)] == ["disputed"]
        part = DatasetImage("part", photos["judged"].path, product="b", crop=(0, 0, 5, 5))
        assert index.name_of(part) == "b"
