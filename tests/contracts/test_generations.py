"""What every home of galleries promises of generations."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.errors import FingerprintError, GalleryError, LockedError
from engine.galleries import (
    add_generation,
    delete_generation,
    gallery_exists,
    gallery_identity,
    generations,
    open_gallery,
    use_generation,
)
from engine.manifest import Manifest
from tests.contracts.conftest import NewAddress
from tests.engine.made_descriptions import described, entry, manifest

OTHER = manifest(3, "e" * 64)


@pytest.fixture
def address(new_address: NewAddress) -> str:
    """Of a gallery with the image "a"."""
    made = new_address()
    with open_gallery(made, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
        gallery.build_indexes()
    return made


def filled(address: str, by: Manifest, names: Sequence[str] = ("a",)) -> str:
    """A further generation, which is not in use."""
    name = add_generation(address, by)
    with open_gallery(address, manifest=by, generation=name) as gallery:
        vector = [1.0, *(0.0 for _ in range(by.dimension - 1))]
        for one in names:
            gallery.add([entry(one)], [described(vector)])
    return name


def names_in(address: str, generation: str | None = None) -> list[str]:
    with open_gallery(address, generation=generation) as gallery:
        return [source.product_id for source in gallery.sources()]


def test_a_gallery_is_its_own_only_generation(address: str) -> None:
    found = generations(address)
    assert (found.names, found.before, found.since) == ((found.current,), None, "")
    with open_gallery(address, generation=found.current) as gallery:
        assert len(gallery) == 1


def test_a_generation_that_is_not_in_use_changes_nothing(address: str) -> None:
    before = gallery_identity(address)
    name = filled(address, OTHER, ["a", "b"])
    assert gallery_identity(address) == before
    assert names_in(address) == ["a"]
    assert names_in(address, name) == ["a", "b"]
    found = generations(address)
    assert (found.names, found.unfinished) == ((found.current, name), (name,))


def test_the_address_opens_the_generation_in_use(address: str) -> None:
    first, before = generations(address).current, gallery_identity(address)
    name = filled(address, OTHER, ["a", "b"])
    use_generation(address, name)
    found = generations(address)
    assert (found.current, found.before, found.names) == (name, first, (first, name))
    assert found.since and not found.unfinished
    assert gallery_exists(address)
    assert gallery_identity(address) != before
    with open_gallery(address) as gallery:
        assert (gallery.name, gallery.fingerprint) == (address, OTHER.fingerprint)
        assert gallery.check() == []
    with pytest.raises(FingerprintError):
        open_gallery(address, manifest=manifest())
    use_generation(address, first)
    assert gallery_identity(address) == before
    assert (generations(address).current, generations(address).before) == (first, name)
    assert names_in(address) == ["a"]


def test_a_generation_opened_before_stays_as_it_was(address: str) -> None:
    first = generations(address).current
    name = filled(address, OTHER, ["b"])
    with open_gallery(address) as old:
        use_generation(address, name)
        assert [source.product_id for source in old.sources()] == ["a"]
        assert names_in(address, first) == ["a"]
    assert names_in(address) == ["b"]


def test_an_unfinished_generation_is_gone_on_with(address: str) -> None:
    name = filled(address, OTHER, ["b"])
    assert add_generation(address, OTHER) == name
    assert names_in(address, name) == ["b"]


def test_an_unfinished_generation_of_other_parts_makes_room(address: str) -> None:
    name = filled(address, OTHER, ["b"])
    another = add_generation(address, manifest(3, "d" * 64))
    assert names_in(address, another) == []
    assert generations(address).unfinished == (another,)
    assert another != name or names_in(address, name) == []


def test_the_one_before_is_no_unfinished_one(address: str) -> None:
    first = generations(address).current
    name = filled(address, OTHER, ["b"])
    use_generation(address, name)
    third = add_generation(address, manifest())
    assert third not in (first, name)
    assert names_in(address, first) == ["a"]


def test_a_generation_in_use_is_not_deleted(address: str) -> None:
    first = generations(address).current
    name = filled(address, OTHER, ["b"])
    with pytest.raises(GalleryError):
        delete_generation(address, first)
    use_generation(address, name)
    delete_generation(address, first)
    assert generations(address).names == (name,)
    assert generations(address).before is None
    assert gallery_exists(address)
    assert names_in(address) == ["b"]
    with pytest.raises(GalleryError):
        open_gallery(address, generation=first)


@pytest.mark.parametrize("name", ["7", "none", "", ".."])
def test_a_generation_that_is_not_there_is_refused(address: str, name: str) -> None:
    for work in (use_generation, delete_generation):
        with pytest.raises(GalleryError):
            work(address, name)
    with pytest.raises(GalleryError):
        open_gallery(address, generation=name)
    with pytest.raises(GalleryError):
        open_gallery(address, manifest=manifest(), generation=name)
    assert generations(address).names == (generations(address).current,)


def test_a_generation_that_is_written_to_is_not_deleted(address: str) -> None:
    name = filled(address, OTHER, ["b"])
    with open_gallery(address, write=True, generation=name), pytest.raises(GalleryError):
        delete_generation(address, name)
    delete_generation(address, name)


def test_each_generation_has_a_writer_of_its_own(address: str) -> None:
    name = filled(address, OTHER)
    with (
        open_gallery(address, write=True) as old,
        open_gallery(address, write=True, generation=name) as new,
    ):
        old.add([entry("old")], [described((0, 1))])
        new.add([entry("new")], [described((0, 1, 0))])
        for generation in (None, name):
            with pytest.raises(LockedError):
                open_gallery(address, write=True, generation=generation)
    assert names_in(address) == ["a", "old"]
    assert names_in(address, name) == ["a", "new"]


def test_there_are_no_generations_without_a_gallery(new_address: NewAddress) -> None:
    address = new_address()
    for work in (generations, lambda at: add_generation(at, OTHER)):
        with pytest.raises(GalleryError):
            work(address)
    assert not Path(address).exists()


def test_no_reader_meets_a_mix_or_a_fault_while_generations_change(address: str) -> None:
    first = generations(address).current
    name = filled(address, OTHER, ["b"])
    expected = {manifest().fingerprint: ["a"], OTHER.fingerprint: ["b"]}
    faults: list[object] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            try:
                with open_gallery(address) as gallery:
                    found = [source.product_id for source in gallery.sources()]
                    if found != expected[gallery.fingerprint]:
                        faults.append(found)
            except Exception as error:
                faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(20):
        for one in (name, first):
            use_generation(address, one)
    ended.set()
    for reader in readers:
        reader.join()
    assert faults == []


def test_one_connection_reads_generations_of_different_columns(address: str) -> None:
    """Statements that were prepared in one would give other columns in the other."""
    first, name = generations(address).current, filled(address, OTHER, ["b"])
    for _ in range(8):
        for generation in (first, name):
            with open_gallery(address, generation=generation) as gallery:
                (record,) = gallery.records([source.id for source in gallery.sources()])
                assert record.description.embedding.dimension == gallery.manifest.dimension
                assert gallery.withdrawn() == []
