"""A migration of a small drawn catalogue: what is in the new generation, and when it is in use."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.curation import Curation
from engine.decisions import CategoryDecision, Decision, Exclusion, Judgement, Mask, MaskDecision
from engine.errors import ConfigError, GalleryError, LockedError
from engine.galleries import generations, open_gallery
from engine.types import Record, Source
from offline import ingest
from offline.calibration.gallery import Request, calibrate
from offline.migrate import migrate, rollback, run
from offline.migrate.report import MigrationReport
from tests.contracts.conftest import NewAddress
from tests.drawn_catalogue import QUICK, package, save, write_catalogue
from tests.offline.gallery_contents import content, later

pytestmark = pytest.mark.slow
PLAIN = (*QUICK, "keypoints.name=none", "adapt.auto=false")
OTHER = ("embed.side=16",)
# Products of a category differ by their colour alone.
COLOURBLIND = ("embed.colour=0", "rerank.name=none")


Address = str | Path


def made(catalogue: Path, gallery: Address, *more: str) -> Address:
    ingest(catalogue, gallery, overrides=(*PLAIN, *more), workers=1)
    return gallery


@pytest.fixture
def gallery(catalogue: Path, tmp_path: Path) -> Address:
    return made(catalogue, tmp_path / "gallery")


@pytest.fixture
def anywhere(catalogue: Path, new_address: NewAddress) -> Address:
    """In a folder, and in PostgreSQL."""
    return made(catalogue, new_address())


def moved(gallery: Address, *overrides: str, **options: object) -> MigrationReport:
    given = {"workers": 1, **options}
    return migrate(gallery, overrides=overrides or OTHER, **given)  # type: ignore[arg-type]


def records(gallery: Address, generation: str | None = None) -> dict[str, Record]:
    """By uri."""
    with open_gallery(gallery, generation=generation) as opened:
        assert opened.check() == []
        return {one.uri: one for one in opened.records([s.id for s in opened.sources()])}


def contents(gallery: Address, generation: str | None = None) -> Mapping[str, object]:
    return {uri: content(one) for uri, one in records(gallery, generation).items()}


def sources(gallery: Address, generation: str | None = None) -> tuple[list[Source], list[Source]]:
    """In the index and withdrawn, with their ids."""
    with open_gallery(gallery, generation=generation) as opened:
        return list(opened.sources()), opened.withdrawn()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decide(gallery: Address, *decisions: Decision) -> None:
    with Curation.open(gallery) as curation:
        curation.decide(decisions)


def left_half() -> Mask:
    bits = np.zeros((64, 64), np.bool_)
    bits[4:-4, 4:32] = True
    return Mask.from_bits(bits)


def test_a_migrated_gallery_is_as_one_that_was_made_by_the_new_settings(
    anywhere: Address, catalogue: Path, tmp_path: Path
) -> None:
    before = sources(anywhere)
    report = moved(anywhere)
    assert report.in_use and not report.refusals and not report.missing
    assert (report.images, report.described, report.withdrawn) == (12, 12, 0)
    assert generations(anywhere).current == "2" == report.after
    assert sources(anywhere) == before  # ids, labels and stamps
    anew = made(catalogue, tmp_path / "anew", *OTHER)
    assert contents(anywhere) == contents(anew)
    with open_gallery(anywhere) as one, open_gallery(anew) as other:
        assert one.fingerprint == other.fingerprint
        assert one.manifest.settings == other.manifest.settings


def test_the_report_is_kept_beside_the_gallery(gallery: Address) -> None:
    report = moved(gallery)
    stored = json.loads(Path(gallery, "last-migration.json").read_text())
    assert stored["in_use"] and "views" in stored["comparisons"]
    assert "views / MRR products" in report.text()


def test_the_next_ingest_finds_nothing_to_do(gallery: Address, catalogue: Path) -> None:
    shutil.copy(catalogue / "jar/p0/v0.png", catalogue / "jar/p0/copy.png")
    (catalogue / "jar/p0/broken.png").write_bytes(b"none")
    first = ingest(catalogue, gallery, workers=1)
    assert len(first.duplicates) == 1 and len(first.refused) == 1
    moved(gallery)
    report = ingest(catalogue, gallery, workers=1)
    assert (report.unchanged, report.described, report.removed) == (12, 0, 0)
    with open_gallery(gallery) as opened:
        assert len(opened.skipped()) == 2


def test_what_people_decided_is_applied(anywhere: Address, catalogue: Path) -> None:
    drawn, excluded, named = (catalogue / f"jar/p{at}/v0.png" for at in (0, 1, 0))
    named = catalogue / "stick/p0/v0.png"
    decide(anywhere, MaskDecision(sha256(drawn), left_half()), Exclusion(sha256(excluded)))
    ingest(catalogue, anywhere, workers=1)
    decide(anywhere, CategoryDecision(sha256(named), "bottle"))  # not carried out yet
    report = moved(anywhere)
    assert report.in_use and (report.images, report.withdrawn) == (11, 1)
    found = records(anywhere)
    assert found[str(named)].category == "bottle"
    cells = found[str(drawn)].description.contour.mask()
    assert cells[64, 32] and not cells[64, 96]
    _, withdrawn = sources(anywhere)
    assert [source.uri for source in withdrawn] == [str(excluded)]
    with open_gallery(anywhere) as opened, Curation.open(anywhere) as curation:
        assert opened.curated_to() == curation.latest()
        with Curation.open(anywhere) as other:
            (exclusion,) = other.exclusions().values()
            other.undo(exclusion)
    report = ingest(catalogue, anywhere, workers=1)
    assert (report.restored, report.described) == (1, 0)  # described by the new models already


def test_what_is_written_meanwhile_is_in_the_new_generation(
    anywhere: Address, catalogue: Path
) -> None:
    """Added, deleted, renamed, relabelled and curated while images are being described."""
    began: list[bool] = []

    def write(done: int, total: int) -> None:
        if done < 4 or began:
            return
        began.append(True)
        save(catalogue / "jar/p7/v0.png", package("jar", 7))
        (catalogue / "stick/p1/v1.png").unlink()
        (catalogue / "jar/p0/v1.png").rename(catalogue / "jar/p0/v9.png")
        shutil.move(catalogue / "bottle/p0", catalogue / "jar/p8")
        decide(anywhere, Exclusion(sha256(catalogue / "bottle/p1/v1.png")))
        ingest(catalogue, anywhere, workers=1, prune=True)

    overrides = (*OTHER, "ingest.batch=4")
    report = moved(anywhere, *overrides, progress=write)
    assert began and report.in_use and not report.missing
    assert sources(anywhere) == sources(anywhere, "1")
    assert str(catalogue / "jar/p7/v0.png") in records(anywhere)
    assert (report.images, report.withdrawn) == (11, 1)
    again = ingest(catalogue, anywhere, workers=1)
    assert again.described == 0 and not again.missing


def test_images_whose_files_are_gone_or_changed_are_missing_and_refuse_it(
    gallery: Address, catalogue: Path
) -> None:
    gone, changed = catalogue / "jar/p0/v0.png", catalogue / "stick/p1/v0.png"
    gone.unlink()
    save(changed, package("bottle", 5))
    report = moved(gallery)
    assert not report.in_use and report.refusals
    assert sorted(line.partition(": ")[0] for line in report.missing) == sorted(
        map(str, (gone, changed))
    )
    assert generations(gallery).current == "1"
    forced = moved(gallery, force=True)
    assert forced.in_use and forced.resumed and forced.described == 0
    assert {str(gone), str(changed)}.isdisjoint(records(gallery))
    assert len(records(gallery)) == 10


def test_a_changed_file_is_described_after_it_was_ingested(
    gallery: Address, catalogue: Path
) -> None:
    changed = catalogue / "stick/p1/v0.png"
    save(changed, package("stick", 5))
    later(changed)
    assert not moved(gallery).in_use
    ingest(catalogue, gallery, workers=1)
    report = moved(gallery)
    assert report.in_use and report.described == 1
    assert records(gallery)[str(changed)].sha256 == sha256(changed)


@pytest.fixture
def colourful(tmp_path: Path) -> Address:
    """Enough products that a difference is none by chance."""
    write_catalogue(tmp_path / "many", products=7)
    return made(tmp_path / "many", tmp_path / "colourful", "rerank.name=none")


def test_a_model_that_finds_less_is_refused_and_kept(colourful: Address) -> None:
    report = moved(colourful, *COLOURBLIND)
    assert not report.in_use and any("views" in line for line in report.refusals)
    assert generations(colourful).current == "1"
    assert generations(colourful).unfinished == ("2",)
    forced = moved(colourful, *COLOURBLIND, force=True)
    assert forced.in_use and forced.resumed and forced.described == 0 and forced.refusals
    assert generations(colourful).current == "2"


def test_what_people_judged_is_compared_by(colourful: Address, tmp_path: Path) -> None:
    with open_gallery(colourful) as opened:
        images = list(opened.sources())
    decide(colourful, *(Judgement(image.sha256, image.product_id, same=True) for image in images))
    report = moved(colourful, *COLOURBLIND)
    assert any("judgements" in line for line in report.refusals)


def test_other_settings_replace_what_was_left_unfinished(colourful: Address) -> None:
    moved(colourful, *COLOURBLIND)
    report = moved(colourful)
    assert report.in_use and not report.resumed
    found = generations(colourful)
    assert (found.current, found.before, found.unfinished) == (report.after, "1", ())


def test_settings_that_are_in_use_already_are_refused(gallery: Address) -> None:
    with pytest.raises(ConfigError):
        moved(gallery, "embed.side=32")
    assert generations(gallery).names == ("1",)


def test_a_migration_that_was_killed_after_its_flip_ends_well_when_given_again(
    colourful: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def end(move: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run, "_delete_older", end)
        with pytest.raises(Killed):
            moved(colourful)
    before = generations(colourful)
    report = moved(colourful)
    assert report.in_use and (report.before, report.after, report.described) == ("1", "2", 0)
    assert report.images == len(records(colourful))
    assert generations(colourful) == before
    with pytest.raises(ConfigError):  # it names no settings
        migrate(colourful, workers=1)


def test_settings_that_describe_nothing_otherwise_may_be_migrated_to(gallery: Address) -> None:
    assert moved(gallery, "route.mass=0.5").in_use
    with open_gallery(gallery) as opened:
        assert opened.manifest.read_settings().route.mass == 0.5


def test_a_profile_that_is_named_keeps_how_folders_are_read(
    catalogue: Path, tmp_path: Path
) -> None:
    gallery = made(catalogue, tmp_path / "gallery", "ingest.product_ids=folder")
    profile = tmp_path / "other.toml"
    profile.write_text('[segment]\nname = "whole"\n[cutout]\nname = "whole"\nsize = 32\n')
    before = {source.product_id for source in sources(gallery)[0]}
    assert migrate(gallery, profile=str(profile), workers=1).in_use
    with open_gallery(gallery) as opened:
        settings = opened.manifest.read_settings()
    assert settings.ingest.product_ids == "folder"
    assert settings.embed.options == {}
    report = ingest(catalogue, gallery, workers=1)
    assert (report.unchanged, report.relabelled) == (12, 0)
    assert {source.product_id for source in sources(gallery)[0]} == before


def test_a_calibrated_gallery_is_calibrated_anew(colourful: Address) -> None:
    calibrate(Request(colourful, false_accepts=0.2), lambda done, total: None)
    assert moved(colourful).in_use
    with open_gallery(colourful) as new, open_gallery(colourful, generation="1") as old:
        made, before = new.calibration(), old.calibration()
        assert made is not None and before is not None
        assert (made.false_accepts, made.source) == (0.2, "views")
        assert made.model != before.model


def test_a_gallery_that_cannot_be_calibrated_anew_is_refused(
    catalogue: Path, gallery: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_adapt", lambda move: None)

    def refuse(*given: object) -> None:
        raise ConfigError("too few photos.")

    monkeypatch.setattr(run.calibration, "calibrate_open", refuse)
    report = moved(gallery, photos=catalogue)
    assert not report.in_use and any("calibrated" in line for line in report.refusals)


def test_the_adaptation_is_fitted_anew(catalogue: Path, new_address: NewAddress) -> None:
    gallery = new_address()
    ingest(catalogue, gallery, overrides=(*QUICK, "keypoints.name=none"), workers=1)
    assert moved(gallery).in_use
    with open_gallery(gallery) as opened:
        assert opened.last_fit() is not None
    with open_gallery(gallery, write=True) as opened:
        opened.adapt_by(None, off=True)
    assert moved(gallery, "embed.side=24").in_use
    with open_gallery(gallery) as opened:
        assert opened.adapting_is_off() and opened.adapted_by() is None


def test_a_rollback_brings_back_what_was_ingested_since(anywhere: Address, catalogue: Path) -> None:
    first = contents(anywhere)
    moved(anywhere)
    save(catalogue / "jar/p7/v0.png", package("jar", 7))
    (catalogue / "stick/p1/v1.png").unlink()
    decide(anywhere, Exclusion(sha256(catalogue / "bottle/p1/v1.png")))
    ingest(catalogue, anywhere, workers=1, prune=True)
    since = sources(anywhere)
    report = rollback(anywhere, workers=1)
    assert report.in_use and report.described == 1 and not report.missing
    assert generations(anywhere).current == "1" and generations(anywhere).before == "2"
    assert sources(anywhere) == since
    new = contents(anywhere)
    assert {uri: new[uri] for uri in new if uri in first} == {
        uri: first[uri] for uri in new if uri in first
    }
    assert ingest(catalogue, anywhere, workers=1).described == 0
    assert rollback(anywhere, workers=1).described == 0
    assert generations(anywhere).current == "2"


def test_a_rollback_that_would_lose_an_image_is_refused(gallery: Address, catalogue: Path) -> None:
    moved(gallery)
    added = save(catalogue / "jar/p7/v0.png", package("jar", 7))
    ingest(catalogue, gallery, workers=1)
    added.unlink()
    report = rollback(gallery, workers=1)
    assert not report.in_use and report.missing[0].startswith(str(added))
    assert generations(gallery).current == "2"
    assert rollback(gallery, workers=1, force=True).in_use
    assert len(records(gallery)) == 12


def test_a_rollback_at_once_is_brought_up_to_date_then(anywhere: Address, catalogue: Path) -> None:
    moved(anywhere)
    added = [save(catalogue / f"jar/p{at}/v0.png", package("jar", at)) for at in (7, 8)]
    (catalogue / "stick/p1/v1.png").unlink()
    ingest(catalogue, anywhere, workers=1, prune=True)
    since = sources(anywhere)
    added[1].unlink()
    seen: list[str] = []

    def look(done: int, total: int) -> None:
        seen.append(generations(anywhere).current)
        with pytest.raises(LockedError):  # none writes before it is up to date
            open_gallery(anywhere, write=True)

    report = rollback(anywhere, now=True, workers=1, progress=look)
    assert seen and set(seen) == {"1"}
    assert report.in_use and report.described == 1
    assert [line.partition(": ")[0] for line in report.missing] == [str(added[1])]
    assert len(records(anywhere)) == 12
    assert not migrate(anywhere, overrides=["embed.side=48"], workers=1).in_use  # it would be lost
    save(added[1], package("jar", 8))
    rollback(anywhere, now=True, workers=1)  # forward: what was not taken over is there still
    assert generations(anywhere).current == "2"
    assert [one.uri for one in sources(anywhere)[0]] == [one.uri for one in since[0]]


def test_the_generation_before_stays_and_older_ones_go(anywhere: Address) -> None:
    moved(anywhere)
    report = moved(anywhere, "embed.side=24")
    assert report.deleted == ["1"]
    found = generations(anywhere)
    assert (found.names, found.before) == (("2", "3"), "2")
    rollback(anywhere, workers=1)
    assert moved(anywhere, "embed.side=48").after == "4"
    assert generations(anywhere).names == ("2", "4")


def test_there_is_nothing_to_roll_back_to_at_first(gallery: Address) -> None:
    for now in (False, True):
        with pytest.raises(GalleryError):
            rollback(gallery, now=now)
    with pytest.raises(GalleryError):
        rollback(gallery, to="1")
    with pytest.raises(GalleryError):
        rollback(gallery, to="5", now=True)


def test_a_damaged_pointer_is_mended_by_the_command_that_its_error_names(
    catalogue: Path, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    made(catalogue, gallery)
    moved(gallery)
    (gallery / "CURRENT").write_text("2")
    with pytest.raises(GalleryError):
        rollback(gallery)
    report = rollback(gallery, now=True, to="2")
    assert report.in_use and generations(gallery).current == "2"


def test_a_flip_waits_for_whoever_writes(gallery: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    with open_gallery(gallery, write=True), pytest.raises(LockedError):
        moved(gallery)
    assert generations(gallery).current == "1"
    assert moved(gallery).described == 0


def test_two_migrations_at_once_are_refused(gallery: Address) -> None:
    refused: list[str] = []

    def another(done: int, total: int) -> None:
        if not refused:
            refused.append("")
            with pytest.raises(LockedError) as error:
                moved(gallery)
            refused[0] = str(error.value)

    assert moved(gallery, progress=another).in_use
    assert refused[0]


def test_another_flip_meanwhile_is_noticed(gallery: Address, catalogue: Path) -> None:
    moved(gallery)
    done_once: list[bool] = []

    def flip(done: int, total: int) -> None:
        if total and not done_once:
            done_once.append(True)
            rollback(gallery, now=True)

    with pytest.raises(GalleryError, match="meanwhile"):
        moved(gallery, "embed.side=24", progress=flip)
    assert generations(gallery).current == "1"


def test_an_empty_gallery_may_be_migrated(tmp_path: Path, gallery: Address) -> None:
    with open_gallery(gallery, write=True) as opened:
        opened.remove([source.id for source in opened.sources()])
    assert moved(gallery).in_use


@pytest.fixture
def labelled_in_part(catalogue: Path, tmp_path: Path) -> Address:
    """Images of one category lie in the folder itself: their category is predicted."""
    for view in (catalogue / "stick").rglob("*.png"):
        shutil.move(view, catalogue / f"{view.parent.name}-{view.name}")
    return made(catalogue, tmp_path / "gallery")


def test_categories_without_a_label_are_predicted_anew(
    labelled_in_part: Address, catalogue: Path, tmp_path: Path
) -> None:
    with open_gallery(labelled_in_part) as opened:
        assert opened.has_predictions()
    assert moved(labelled_in_part).in_use
    assert contents(labelled_in_part) == contents(made(catalogue, tmp_path / "anew", *OTHER))
