"""The file of decisions: the state in force, and what survives."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.curation import Curation
from engine.decisions import (
    AcceptedMask,
    CategoryDecision,
    Decided,
    Exclusion,
    Judgement,
    MaskDecision,
    Pair,
    Undo,
)
from engine.errors import DamageError, GalleryError
from engine.galleries import open_gallery
from tests.engine.made_decisions import IMAGES, decisions, mask
from tests.engine.made_descriptions import manifest

FIRST, SECOND, THIRD, FOURTH = IMAGES
FILE = "curation.sqlite"


def curation_of(folder: Path) -> Curation:
    return Curation.open(folder)


class Replayed:
    """The state in force by replaying all rows in order: the slow twin."""

    def __init__(self, log: Iterable[Decided]) -> None:
        rows = sorted(log, key=lambda one: one.order)
        void = {one.decision.voids for one in rows if isinstance(one.decision, Undo)}
        self.valid = [one for one in rows if one.id not in void]
        self.last = {(one.decision.kind, one.decision.slot): one for one in self.valid}

    def of(self, kind: str) -> list[Decided]:
        return [
            one for one in self.valid if one in self.last.values() and one.decision.kind == kind
        ]

    def excluded(self) -> set[str]:
        found: set[str] = set()
        for one in self.valid:
            if one not in self.last.values():
                continue
            if isinstance(one.decision, Exclusion):
                (found.add if one.decision.excluded else found.discard)(one.decision.image)
            elif isinstance(one.decision, Pair) and one.decision.dropped:
                found.add(one.decision.dropped)
        return found


def state(curation: Curation) -> tuple[object, ...]:
    return (
        {image: curation.mask_of(image) for image in IMAGES},
        curation.masks(),
        curation.excluded(),
        {image for image in IMAGES if curation.excluded([image])},
        curation.excluded(IMAGES),
        {image: curation.category_of(image) for image in IMAGES},
        curation.categories(),
        curation.pairs(),
        curation.judgements(),
        curation.accepted_masks(IMAGES),
        curation.counts(),
    )


def twin_state(log: Iterable[Decided]) -> tuple[object, ...]:
    twin = Replayed(log)
    masks = {
        one.decision.image: one.decision.mask
        for one in twin.of("mask")
        if isinstance(one.decision, MaskDecision)
    }
    categories = {
        one.decision.image: one.decision.category
        for one in twin.of("category")
        if isinstance(one.decision, CategoryDecision)
    }
    digests = {image: mask.digest for image, mask in masks.items()}
    accepted: dict[str, set[str]] = {}
    for one in twin.of("accepted mask"):
        if isinstance(one.decision, AcceptedMask):
            accepted.setdefault(one.decision.image, set()).add(one.decision.mask.digest)
    kinds = sorted({kind for kind, _ in twin.last} - {"undo"})
    return (
        {image: masks.get(image) for image in IMAGES},
        digests,
        twin.excluded(),
        twin.excluded(),
        twin.excluded(),
        {image: categories.get(image) for image in IMAGES},
        categories,
        [one.decision for one in twin.of("pair")],
        [one.decision for one in twin.of("judgement")],
        accepted,
        {kind: len(twin.of(kind)) for kind in kinds},
    )


def test_a_folder_without_decisions_has_none_and_gets_no_file(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        assert list(curation.log()) == [] and curation.counts() == {}
        assert curation.mask_of(FIRST) is None and curation.excluded() == frozenset()
        assert curation.accepted_masks(IMAGES) == {} and curation.find("0" * 16) is None
    assert list(tmp_path.iterdir()) == []


def test_the_latest_decision_is_in_force_until_it_is_undone(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        curation.decide([CategoryDecision(FIRST, "jar")])
        (second,) = curation.decide([CategoryDecision(FIRST, "bottle")], "anna")
        assert curation.category_of(FIRST) == "bottle" and second.who == "anna"
        undone = curation.undo(second.id, "bert")
        assert curation.category_of(FIRST) == "jar"
        assert curation.find(second.id) == second and curation.find(undone.id) == undone
        assert [one.decision.kind for one in curation.log()] == ["category", "category", "undo"]


def test_one_image_of_a_pair_goes_out_of_the_index_and_comes_back(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        (pair,) = curation.decide([Pair(FIRST, SECOND, "same image", keep=FIRST)])
        assert curation.excluded() == {SECOND}
        (back,) = curation.decide([Exclusion(SECOND, False)])
        assert curation.excluded() == frozenset()
        curation.undo(back.id)
        assert curation.excluded() == {SECOND}
        curation.undo(pair.id)
        assert curation.excluded() == frozenset() and curation.pairs() == []


def test_masks_are_drawn_or_accepted(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        curation.decide([AcceptedMask(FIRST, mask()), MaskDecision(SECOND, mask(left=3))])
        assert curation.accepted_masks(IMAGES) == {FIRST: {mask().digest}}
        assert curation.masks() == {SECOND: mask(left=3).digest}
        assert curation.mask_of(FIRST) is None and curation.mask_of(SECOND) == mask(left=3)


def test_what_cannot_be_undone_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        (made,) = curation.decide([Exclusion(FIRST)])
        undone = curation.undo(made.id)
        for identity in (undone.id, "0" * 16):
            with pytest.raises(GalleryError):
                curation.decide([Exclusion(SECOND), Undo(identity)])
        assert curation.excluded() == frozenset() and len(list(curation.log())) == 2
        curation.undo(made.id)  # twice is once
        assert curation.excluded() == frozenset()


def test_decisions_are_in_order_though_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(1999, 1, 1, tzinfo=UTC)

    with curation_of(tmp_path) as curation:
        curation.decide([CategoryDecision(FIRST, "jar")])
        monkeypatch.setattr("engine.curation.datetime", SetBack)
        curation.decide([CategoryDecision(FIRST, "bottle")])
        curation.decide([CategoryDecision(FIRST, "stick")])
        assert curation.category_of(FIRST) == "stick"
        times = [one.time for one in curation.log()]
        assert times == sorted(set(times))


def of_few(curation: Curation, few: Collection[str]) -> None:
    """What is read of a few images is that of all which is about them."""
    for read in (curation.masks, curation.categories):
        assert read(few) == {image: value for image, value in read().items() if image in few}
    assert curation.excluded(few) == curation.excluded() & set(few)
    assert curation.accepted_masks(few).keys() <= set(few)
    for of in (curation.pairs, curation.judgements):
        slots = [one.slot for one in of()][::2]
        assert of(slots) == of()[::2] and of([]) == []


steps = st.lists(st.one_of(decisions, st.integers(0, 30)), max_size=25)


@settings(deadline=None, max_examples=40)
@given(steps)
def test_the_state_is_that_of_replaying_the_log(
    tmp_path_factory: pytest.TempPathFactory, todo: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("replayed")
    with curation_of(folder) as curation:
        made: list[Decided] = []
        for step in todo:
            if isinstance(step, int):
                if made:
                    curation.undo(made[step % len(made)].id)
            else:
                made += curation.decide([step])  # type: ignore[list-item]
        assert state(curation) == twin_state(curation.log())
        for few in ([], [FIRST], [SECOND, THIRD]):
            of_few(curation, few)
    with curation_of(folder) as again:
        assert state(again) == twin_state(again.log())


@settings(deadline=None, max_examples=25)
@given(steps, st.randoms(use_true_random=False))
def test_decisions_of_two_places_meet_in_one_state_whichever_comes_first(
    tmp_path_factory: pytest.TempPathFactory, todo: list[object], random: object
) -> None:
    folders = [tmp_path_factory.mktemp("place") for _ in range(2)]
    with curation_of(folders[0]) as one, curation_of(folders[1]) as other:
        for step in todo:
            if isinstance(step, int):
                continue
            chosen = random.choice([one, other])  # type: ignore[attr-defined]
            made = chosen.decide([step])
            if random.random() < 0.3:  # type: ignore[attr-defined]
                chosen.undo(made[0].id)
        ours, theirs = list(one.log()), list(other.log())
        assert (one.take(theirs), other.take(ours)) == (len(theirs), len(ours))
        assert one.take(theirs) == other.take(ours) == 0
        assert list(one.log()) == list(other.log())
        assert state(one) == state(other) == twin_state([*ours, *theirs])


def test_another_decision_of_the_same_id_and_one_yet_to_come_are_refused(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with curation_of(tmp_path) as curation:
        curation.take([Decided("a" * 16, now, "", Exclusion(FIRST))])
        for refused in (
            Decided("a" * 16, now, "", Exclusion(SECOND)),
            Decided("b" * 16, now + timedelta(days=3), "", Exclusion(SECOND)),
            Decided("c" * 16, now, "", Undo("d" * 16)),
        ):
            with pytest.raises(GalleryError):
                curation.take([refused])
        assert curation.excluded() == {FIRST}


def test_rows_can_only_be_appended(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        curation.decide([Exclusion(FIRST)])
    connection = sqlite3.connect(tmp_path / FILE)
    for change in ("DELETE FROM decisions", "UPDATE decisions SET who = 'x'"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(change)
    connection.close()


def test_several_threads_and_openings_decide_at_once(tmp_path: Path) -> None:
    def decide(curation: Curation, name: str) -> None:
        for number in range(15):
            curation.decide([Judgement(FIRST, f"{name} {number}", True)])

    with curation_of(tmp_path) as one, curation_of(tmp_path) as other:
        threads = [
            threading.Thread(target=decide, args=(curation, name))
            for curation, name in ((one, "a"), (one, "b"), (other, "c"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(one.judgements()) == len(other.judgements()) == 45
        times = [decided.time for decided in one.log()]
        assert len(set(times)) == 45


def test_one_that_meets_the_making_of_the_file_waits_for_it(tmp_path: Path) -> None:
    making = sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)
    making.execute("BEGIN IMMEDIATE")
    over = threading.Event()

    def end() -> None:
        over.set()
        making.rollback()

    made = threading.Timer(0.2, end)
    made.start()
    with curation_of(tmp_path) as curation:
        curation.decide([Exclusion(FIRST)])
        assert over.is_set() and curation.excluded() == {FIRST}
    made.join()
    making.close()


def test_a_gallery_can_be_made_anew_around_the_decisions(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        curation.decide([Exclusion(FIRST)])
        with open_gallery(tmp_path, manifest=manifest()) as gallery:
            gallery.rebuild()
        assert curation.excluded() == {FIRST}
    for path in tmp_path.glob("gallery.sqlite*"):
        path.unlink()
    with open_gallery(tmp_path, manifest=manifest()), curation_of(tmp_path) as curation:
        assert curation.excluded() == {FIRST}


def test_a_damaged_file_is_named_with_what_mends_it(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 50)
    with curation_of(tmp_path) as curation, pytest.raises(DamageError) as caught:
        curation.excluded()
    assert FILE in str(caught.value) and "export" in caught.value.remedy


def test_a_file_of_a_newer_packsight_is_not_written_to(tmp_path: Path) -> None:
    with curation_of(tmp_path) as curation:
        curation.decide([Exclusion(FIRST)])
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with curation_of(tmp_path) as curation:
        with pytest.raises(GalleryError):
            curation.decide([Exclusion(SECOND)])
        with pytest.raises(GalleryError):
            curation.excluded()


def test_a_file_whose_making_was_killed_is_none_and_is_made(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with curation_of(tmp_path) as curation:
        assert curation.counts() == {} and list(curation.log()) == []
        curation.decide([Exclusion(FIRST)])
        assert curation.excluded() == {FIRST}


def test_a_folder_that_is_not_there_is_refused_for_decisions(tmp_path: Path) -> None:
    with curation_of(tmp_path / "none") as curation:
        assert curation.excluded() == frozenset()
        with pytest.raises(GalleryError):
            curation.decide([Exclusion(FIRST)])
    assert not (tmp_path / "none").exists()


# Writes the id of what was acknowledged, and decides on.
PROGRAM = """
import sys
from engine.curation import Curation
from engine.decisions import Judgement
with Curation.open(sys.argv[1]) as curation:
    for number in range(100_000):
        (made,) = curation.decide([Judgement("1" * 64, f"{sys.argv[2]} {number}", True)])
        print(made.id, flush=True)
"""


def killed_amid(folder: Path, number: int, count: int) -> list[str]:
    """The ids that a process acknowledged before it was killed, after ``count`` of them."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(count)]
        time.sleep(0.001 * number)
        process.kill()
        return [line.strip() for line in (*seen, *process.stdout) if line.endswith("\n")]


def kill_again_and_again(folder: Path, kills: int) -> None:
    acknowledged: set[str] = set()
    for number in range(kills):
        acknowledged |= set(killed_amid(folder, number, 1 + 7 * number % 30))
        with curation_of(folder) as curation:
            kept = [one.id for one in curation.log()]
            assert acknowledged <= set(kept) and len(kept) == len(set(kept))
            assert len(kept) <= len(acknowledged) + number + 1  # of each process one unheard of
            assert curation.counts() == {"judgement": len(kept)}


def test_a_process_that_is_killed_while_it_decides_loses_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 2)


@pytest.mark.slow
def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 30)
