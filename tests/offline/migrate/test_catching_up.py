"""After any changes of one gallery, another that catches up with it holds the same images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Settings
from engine.curated import Curated
from engine.curation import Curation
from engine.decisions import CategoryDecision, Decision, Exclusion, MaskDecision
from engine.decoding import Decoded
from engine.errors import ConfigError, ImageError, StageError
from engine.galleries import open_gallery
from engine.protocols import WritableGallery
from engine.types import Entry, GivenTable, Matte, RGBImage, SkippedFile
from offline.migrate import catching_up
from offline.migrate.catching_up import CatchingUp, difference, held_by, lacking
from tests.engine.made_decisions import mask
from tests.engine.made_descriptions import described, entry, manifest

NAMES = "abcd"
CONTENTS = [f"{number:x}" * 64 for number in range(1, 6)]
IMAGE = RGBImage(np.full((6, 8, 3), 255, np.uint8), "")


@dataclass
class Files:
    """In place of files and of decoding processes: the content at each uri."""

    contents: dict[str, str]

    def __call__(self, *given: object, **options: object) -> Files:
        return self

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, paths: Iterable[Path]) -> Iterator[Decoded | ImageError]:
        for path in paths:
            if str(path) in self.contents:
                yield Decoded(self.contents[str(path)], IMAGE)
            else:
                yield ImageError(str(path), "is gone")


class Describing:
    """Vectors of three numbers in place of two; ``failing``: a label that a stage fails at,
    None: all."""

    keypoints = None

    def __init__(self) -> None:
        self.given: list[tuple[str | None, bool]] = []
        self.failing: str | None = "?"

    def describe(
        self,
        images: Sequence[RGBImage],
        labels: Sequence[str | None],
        mattes: Sequence[Matte | None] = (None,),
    ) -> list[SimpleNamespace]:
        if self.failing is None or self.failing in labels:
            raise StageError("embed", "an image", "failed")
        self.given += [
            (label, matte is not None) for label, matte in zip(labels, mattes, strict=True)
        ]
        return [
            SimpleNamespace(description=described((1, 0, 0), label or "jar")) for label in labels
        ]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    made = Files({})
    monkeypatch.setattr(catching_up, "DecodingPool", made)
    return made


@dataclass
class Two:
    """A gallery and another one, which catches up with it."""

    source: WritableGallery
    target: WritableGallery
    curation: Curation
    files: Files
    describing: Describing

    def put(self, one: Entry) -> int:
        self.files.contents[one.uri] = one.sha256
        excluded = self.curation.excluded()
        (identity,) = self.source.add([one], [described((1, 0), "jar")], excluded)
        return identity

    def catch_up(self) -> catching_up.CaughtUp:
        to = CatchingUp(
            self.target,
            self.describing,
            Settings(),
            self.curation,
            workers=1,  # type: ignore[arg-type]
        )
        return to.catch_up(self.source, lambda done, total: None)


def opened(folder: Path, files: Files) -> Two:
    other = manifest(3, "e" * 64)
    return Two(
        open_gallery(folder / "source", manifest=manifest()),
        open_gallery(folder / "target", manifest=other),
        Curation.open(folder / "source"),
        files,
        Describing(),
    )


@pytest.fixture
def two(tmp_path: Path, files: Files) -> Iterator[Two]:
    made = opened(tmp_path, files)
    yield made
    made.source.close()
    made.target.close()
    made.curation.close()


def state(gallery: WritableGallery) -> dict[int, tuple[Entry, bool]]:
    found = {source.id: (source.entry, False) for source in gallery.sources()}
    return found | {source.id: (source.entry, True) for source in gallery.withdrawn()}


def as_decided(two: Two) -> dict[int, tuple[Entry, bool]]:
    """Image by image, by the rule of engine.curated."""
    curated, found = Curated.read(two.curation), {}
    for identity, (one, _) in state(two.source).items():
        found[identity] = (
            curated.applied(one, one.sha256),
            one.sha256 in curated.excluded,
        )
    return found


entries = st.builds(
    lambda name, content, label, product: entry(name, label, product, sha256=content),
    st.sampled_from(NAMES),
    st.sampled_from(CONTENTS),
    st.sampled_from(["jar", "stick", None]),
    st.sampled_from(["p", "q"]),
)
decisions = st.one_of(
    st.builds(Exclusion, st.sampled_from(CONTENTS), st.booleans()),
    st.builds(CategoryDecision, st.sampled_from(CONTENTS), st.sampled_from(["jar", "box"])),
    st.builds(MaskDecision, st.sampled_from(CONTENTS), st.builds(mask)),
)
steps = st.one_of(
    st.tuples(st.just("put"), entries),
    st.tuples(st.just("decide"), decisions),
    st.tuples(st.sampled_from(["remove", "withdraw", "restore"]), st.integers(1, 6)),
    st.tuples(st.just("rename"), st.permutations(NAMES)),
    st.tuples(st.just("catch up"), st.none()),
)


def take(two: Two, step: str, value: object) -> None:
    held = state(two.source)
    if isinstance(value, Entry):
        two.put(value)
    elif isinstance(value, Decision):
        two.curation.decide([value])
    elif isinstance(value, int):
        indexed = value in held and not held[value][1]
        if step == "remove" or (value in held and indexed == (step == "withdraw")):
            getattr(two.source, step)([value])
    elif isinstance(value, list):
        rename(two, dict(zip(NAMES, value, strict=True)))
    else:
        assert not two.catch_up().missing


def rename(two: Two, names: dict[str, str]) -> None:
    """Images change places, by way of places that none has."""
    held = {i: one for i, (one, aside) in state(two.source).items() if not aside}
    taken = {one.uri for one, aside in state(two.source).values() if aside}
    uris = {entry(name).uri: entry(new).uri for name, new in names.items()}
    if taken & {*uris.values()}:
        return
    two.source.amend({i: replace(one, uri=f"{one.uri}~") for i, one in held.items()})
    for i, one in held.items():
        moved = replace(one, uri=uris[one.uri])
        two.source.amend({i: moved})
        two.files.contents[moved.uri] = moved.sha256


@settings(max_examples=25)
@given(st.lists(steps, max_size=12))
def test_whatever_changed_the_other_gallery_catches_up(changes: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        files = Files({})
        patch.setattr(catching_up, "DecodingPool", files)
        two = opened(Path(folder), files)
        for step, value in changes:
            take(two, step, value)
        two.catch_up()
        assert state(two.target) == as_decided(two)
        assert two.target.check() == []
        assert two.target.curated_to() == two.curation.latest()
        assert two.catch_up().changes == 0
        two.source.close()
        two.target.close()
        two.curation.close()


def test_only_what_differs_is_described(two: Two) -> None:
    first, second = two.put(entry("a", "jar")), two.put(entry("b", "jar"))
    assert two.catch_up().described == 2
    two.source.amend({first: entry("a", "stick", "other")})
    two.source.remove([second])
    two.put(entry("c", "jar"))
    found = two.catch_up()
    assert (found.described, found.changes, len(two.describing.given)) == (1, 3, 3)


def test_labelled_images_are_described_before_those_whose_category_is_predicted(two: Two) -> None:
    for name, label in zip("abc", ("jar", None, "stick"), strict=True):
        two.put(entry(name, label))
    two.catch_up()
    assert [label for label, _ in two.describing.given] == ["jar", "stick", None]


def test_an_image_is_cut_out_by_the_mask_that_a_person_drew(two: Two) -> None:
    two.put(entry("a", sha256=CONTENTS[0]))
    two.curation.decide([MaskDecision(CONTENTS[0], mask())])
    two.catch_up()
    assert two.describing.given == [("jar", True)]


def test_a_file_that_is_gone_or_changed_is_missing_and_found_when_it_is_back(two: Two) -> None:
    gone, changed = two.put(entry("a")), two.put(entry("b"))
    kept = dict(two.files.contents)
    del two.files.contents[entry("a").uri]
    two.files.contents[entry("b").uri] = "another"
    found = two.catch_up()
    assert {*found.missing} == {gone, changed} and (found.described, found.changes) == (0, 0)
    wanted = held_by(two.source, Curated())
    assert {*lacking(wanted, two.target)} == {gone, changed}
    two.files.contents = kept
    assert two.catch_up().described == 2
    assert not lacking(wanted, two.target) and not len(difference(wanted, two.target))


def test_what_could_not_be_taken_over_is_spared_on_the_way_back(two: Two) -> None:
    kept = two.put(entry("a"))
    two.catch_up()
    left = two.put(entry("b"))
    del two.files.contents[entry("b").uri]
    to = CatchingUp(two.target, two.describing, Settings(), two.curation)  # type: ignore[arg-type]
    to.note_lacking(two.source)  # where what follows is killed
    assert two.target.lacked() == [left]
    two.catch_up()
    assert two.target.lacked() == [left] and [*state(two.target)] == [kept]
    back = CatchingUp(two.source, two.describing, Settings(), two.curation)  # type: ignore[arg-type]
    assert back.catch_up(two.target, lambda done, total: None).changes == 0
    assert [*state(two.source)] == [kept, left]
    two.files.contents[entry("b").uri] = entry("b").sha256
    two.catch_up()
    assert two.target.lacked() == [] and [*state(two.target)] == [kept, left]


def test_an_image_that_a_stage_fails_at_spares_the_others(two: Two) -> None:
    for name, label in zip("abc", ("jar", "stick", "jar"), strict=True):
        two.put(entry(name, label))
    two.describing.failing = None
    with pytest.raises(ConfigError):  # a drawn box cannot be described either
        two.catch_up()
    two.describing.failing = "stick"
    found = two.catch_up()
    assert (found.described, len(found.missing)) == (2, 1)


def test_what_the_next_ingest_needs_is_taken_over(two: Two) -> None:
    skipped = SkippedFile("/pictures/x.jpg", 1, 2, 3, 4, sha256="5" * 64)
    two.source.keep_skipped([skipped])
    two.source.keep_label_table("/pictures", GivenTable("/table.csv", "6" * 64, 7))
    two.target.keep_skipped([replace(skipped, uri="/pictures/y.jpg")])
    two.catch_up()
    assert two.target.skipped() == two.source.skipped()
    assert two.target.label_tables() == two.source.label_tables()
    two.source.keep_label_table("/pictures", None)
    two.catch_up()
    assert not two.target.label_tables()
