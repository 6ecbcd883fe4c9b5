"""Ingests of images that people decided about: masks, exclusions, categories."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.curation import Curation
from engine.decisions import CategoryDecision, Decision, Exclusion, Mask, MaskDecision, Pair
from engine.galleries import open_gallery
from engine.types import Record
from offline import ingest
from tests.drawn_catalogue import QUICK, package, save
from tests.offline.gallery_contents import Ingest, content, later, records
from tests.offline.ingest.test_ingest_at_random import Curator

V0, V1 = "jar/p0/v0.png", "jar/p0/v1.png"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def left_half(side: int = 64) -> Mask:
    bits = np.zeros((side, side), np.bool_)
    bits[4:-4, 4 : side // 2] = True
    return Mask.from_bits(bits)


def decide(tmp_path: Path, *decisions: Decision) -> list[str]:
    """The ids."""
    with Curation.open(tmp_path / "gallery") as curation:
        return [one.id for one in curation.decide(decisions)]


def undo(tmp_path: Path, *identities: str) -> None:
    with Curation.open(tmp_path / "gallery") as curation:
        for identity in identities:
            curation.undo(identity)


def masks(tmp_path: Path) -> dict[str, str]:
    """Digests of the masks that images were cut out by, by path below the catalogue."""
    with open_gallery(tmp_path / "gallery") as gallery:
        root = tmp_path / "catalogue"
        return {
            Path(source.uri).relative_to(root).as_posix(): source.mask
            for source in gallery.sources()
            if source.mask is not None
        }


def shape(record: Record) -> tuple[bool, bool]:
    """Whether the contour covers the middle of the left half, and that of the other half."""
    cells = record.description.contour.mask()
    return bool(cells[64, 32]), bool(cells[64, 96])


def test_a_drawn_mask_is_cut_out_by_at_the_next_ingest_and_undone_at_another(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    before = records(tmp_path)
    (identity,) = decide(tmp_path, MaskDecision(sha256(catalogue / V0), left_half()))
    report = run()
    after = records(tmp_path)
    assert (report.updated, report.added, report.unchanged) == (1, 0, 11)
    assert masks(tmp_path) == {V0: left_half().digest}
    assert shape(before[V0]) == (True, True) and shape(after[V0]) == (True, False)
    assert after[V0].id == before[V0].id
    assert {path: content(one) for path, one in after.items() if path != V0} == {
        path: content(one) for path, one in before.items() if path != V0
    }
    assert run().described == 0
    (again,) = decide(tmp_path, MaskDecision(sha256(catalogue / V0), left_half(40)))
    assert run().updated == 1 and masks(tmp_path) == {V0: left_half(40).digest}
    undo(tmp_path, identity, again)
    assert run().updated == 1
    assert masks(tmp_path) == {} and content(records(tmp_path)[V0]) == content(before[V0])


def test_decisions_hold_for_a_gallery_made_anew_and_another_description(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    decide(
        tmp_path,
        MaskDecision(sha256(catalogue / V0), left_half()),
        Exclusion(sha256(catalogue / V1)),
        CategoryDecision(sha256(catalogue / "stick/p1/v0.png"), "tube"),
    )
    run()
    first = {path: content(one) for path, one in records(tmp_path).items()}
    for path in (tmp_path / "gallery").iterdir():
        if not path.name.startswith("curation"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    report = run()
    assert (report.added, len(report.excluded)) == (11, 1)
    assert {path: content(one) for path, one in records(tmp_path).items()} == first
    for path in (tmp_path / "gallery").glob("gallery.sqlite*"):
        path.unlink()
    run(overrides=(*QUICK, "embed.side=16"))
    found = records(tmp_path)
    assert shape(found[V0]) == (True, False) and V1 not in found
    assert found["stick/p1/v0.png"].category == "tube"


def test_an_excluded_image_leaves_the_index_and_comes_back(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    before = {path: content(one) for path, one in records(tmp_path).items()}
    (identity,) = decide(tmp_path, Exclusion(sha256(catalogue / V0)))
    report = run()
    assert (report.removed, report.excluded) == (1, [str(catalogue / V0)])
    assert sum(report.accounts.values()) == report.seen
    assert "1 excluded" in report.text()
    assert V0 not in records(tmp_path)
    again = run()
    assert (again.removed, again.described, len(again.excluded)) == (0, 0, 1)
    later(catalogue / V0)
    assert len(run().excluded) == 1 and len(run(reread=True).excluded) == 1
    undo(tmp_path, identity)
    back = run()
    assert (back.restored, back.unchanged, back.described) == (1, 12, 0)
    assert sum(back.accounts.values()) == back.seen and "1 restored" in back.text()
    assert {path: content(one) for path, one in records(tmp_path).items()} == before


def test_an_excluded_image_comes_back_from_where_its_file_is_now(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    identity = records(tmp_path)[V0].id
    (decided,) = decide(tmp_path, Exclusion(sha256(catalogue / V0)))
    run()
    (catalogue / V0).rename(catalogue / "jar/p0/moved.png")
    undo(tmp_path, decided)
    report = run()
    assert (report.restored, report.renamed, report.described) == (1, 1, 0)
    assert records(tmp_path)["jar/p0/moved.png"].id == identity


def test_what_is_pruned_does_not_come_back(run: Ingest, catalogue: Path, tmp_path: Path) -> None:
    run()
    (decided,) = decide(tmp_path, Exclusion(sha256(catalogue / V0)))
    run()
    (catalogue / V0).unlink()
    assert run().missing == [str(catalogue / V0)]
    assert run(prune=True).removed == 1
    undo(tmp_path, decided)
    assert run().restored == 0 and V0 not in records(tmp_path)


def test_an_excluded_image_stays_out_wherever_its_file_goes(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    decide(tmp_path, Exclusion(sha256(catalogue / V0)))
    run()
    (catalogue / V0).rename(catalogue / "stick/p0/moved.png")
    shutil.copy2(catalogue / "stick/p0/moved.png", catalogue / "bottle/p0/copy.png")
    report = run()
    assert (report.described, report.removed, len(report.excluded)) == (0, 0, 2)
    assert len(records(tmp_path)) == 11


def test_a_file_whose_new_content_is_not_excluded_is_described(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    decide(tmp_path, Exclusion(sha256(catalogue / V0)))
    save(catalogue / V0, package("stick", 9))
    report = run()
    assert (report.removed, report.added, report.excluded) == (1, 1, [])
    assert records(tmp_path)[V0].sha256 == sha256(catalogue / V0)


def test_a_file_that_becomes_an_excluded_image_goes_out(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    decide(tmp_path, Exclusion(sha256(save(tmp_path / "other.png", package("stick", 9)))))
    shutil.copy(tmp_path / "other.png", catalogue / V0)
    report = run()
    assert (report.removed, report.described, len(report.excluded)) == (1, 0, 1)


def test_the_same_image_twice_is_kept_once(run: Ingest, catalogue: Path, tmp_path: Path) -> None:
    run()
    one, other = sha256(catalogue / V0), sha256(catalogue / V1)
    decide(tmp_path, Pair(one, other, "same image", keep=other))
    run()
    found = records(tmp_path)
    assert V0 not in found and V1 in found


def test_a_decided_category_wins_over_tables_and_folders(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "labels.csv").write_text("path,category\njar/p0/v0.png,lid\n")
    run()
    assert records(tmp_path)[V0].category == "lid"
    (identity,) = decide(tmp_path, CategoryDecision(sha256(catalogue / V0), "tin"))
    report = run()
    assert (report.relabelled, report.described) == (1, 0)
    assert records(tmp_path)[V0].category == "tin" and records(tmp_path)[V0].labelled
    later(catalogue / V0)
    assert run().unchanged == 12
    undo(tmp_path, identity)
    assert run().relabelled == 1
    assert records(tmp_path)[V0].category == "lid"


def test_an_image_without_a_label_gets_the_decided_one(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    loose = save(catalogue / "loose.png", package("jar", 5))
    (tmp_path / "gallery").mkdir()
    (identity,) = decide(tmp_path, CategoryDecision(sha256(loose), "tin"))
    run()
    assert (records(tmp_path)["loose.png"].category, records(tmp_path)["loose.png"].labelled) == (
        "tin",
        True,
    )
    undo(tmp_path, identity)
    assert run().updated == 1
    assert not records(tmp_path)["loose.png"].labelled


def test_a_moved_image_whose_mask_was_drawn_meanwhile_is_described_anew(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    identity = records(tmp_path)[V0].id
    decide(tmp_path, MaskDecision(sha256(catalogue / V0), left_half()))
    (catalogue / V0).rename(catalogue / "jar/p0/new.png")
    report = run()
    found = records(tmp_path)["jar/p0/new.png"]
    assert (report.updated, report.renamed, report.added) == (1, 0, 0)
    assert found.id == identity and shape(found) == (True, False)
    assert sum(report.accounts.values()) == report.seen


def test_a_copy_under_another_product_is_cut_out_by_the_same_mask(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    decide(tmp_path, MaskDecision(sha256(catalogue / V0), left_half()))
    shutil.copy2(catalogue / V0, catalogue / "stick/p0/copy.png")
    run()
    found = records(tmp_path)
    assert shape(found[V0]) == shape(found["stick/p0/copy.png"]) == (True, False)
    assert set(masks(tmp_path)) == {V0, "stick/p0/copy.png"}
    assert run().described == 0


class Deciding(Curator):
    """Also decides about what lies in the folder, and undoes it."""

    def __init__(self, folder: Path, curation: Curation, seed: int) -> None:
        super().__init__(folder, seed)
        self.curation = curation

    def act(self) -> str:
        files = sorted(self.folder.rglob("*.png"))
        if not files or self.dice.random() < 0.6:
            return super().act()
        image = sha256(self.dice.choice(files))
        made = self.dice.choice(
            [
                MaskDecision(image, left_half(self.dice.choice([32, 64]))),
                Exclusion(image, self.dice.random() < 0.6),
                CategoryDecision(image, self.dice.choice(["tin", "tube"])),
            ]
        )
        decided = self.curation.decide([made])
        log = [one.id for one in self.curation.log() if one.decision.kind != "undo"]
        if self.dice.random() < 0.3:
            self.curation.undo(self.dice.choice(log))
        return str(decided)


def follow(tmp_path: Path, seed: int, days: int) -> None:
    """After every ingest the gallery holds what the folder and the decisions are then."""
    folder = tmp_path / "catalogue"
    save(folder / "jar" / "keep.png", package("stick", 1))
    (tmp_path / "gallery").mkdir()
    with Curation.open(tmp_path / "gallery") as curation:
        curator = Deciding(folder, curation, seed)
        for day in range(days):
            done = [curator.act() for _ in range(curator.dice.randrange(1, 6))]
            curator.tick()
            ingest(folder, tmp_path / "gallery", overrides=QUICK, workers=1, force_prune=True)
            again = ingest(folder, tmp_path / "gallery", overrides=QUICK, workers=1, prune=True)
            assert (again.described, again.removed, again.relabelled) == (0, 0, 0), done
            excluded, drawn = curation.excluded(), curation.masks()
            given = curation.categories()
            shown = {sha256(path) for path in folder.rglob("*.png")} - excluded
            with open_gallery(tmp_path / "gallery") as gallery:
                assert gallery.check() == []
                sources = list(gallery.sources())
            assert {source.sha256 for source in sources} == shown
            for source in sources:
                assert source.mask == drawn.get(source.sha256), (seed, day, done)
                wanted = given.get(source.sha256, Path(source.uri).relative_to(folder).parts[0])
                assert source.category == wanted, (seed, day, done)


def test_the_gallery_follows_what_was_decided(tmp_path: Path) -> None:
    follow(tmp_path, seed=1, days=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_the_gallery_follows_what_was_decided_for_long(tmp_path: Path, seed: int) -> None:
    follow(tmp_path, seed, days=20)
