"""An ingest and its repetition: labels, settings, reports, workers and batches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError, FingerprintError
from engine.galleries import open_gallery
from engine.types import Matte, RGBImage
from offline import ingest
from stages.segment.whole import Whole
from tests.drawn_catalogue import QUICK, package, save, write_catalogue
from tests.hard_photos import bottles, white_on_white
from tests.offline.gallery_contents import Ingest, content, records


def test_folders_name_the_category_and_the_product(run: Ingest, tmp_path: Path) -> None:
    report = run()
    assert (report.added, report.images, report.products, report.categories) == (12, 12, 6, 3)
    record = records(tmp_path)["jar/p1/v0.png"]
    assert (record.category, record.product_id, record.labelled) == ("jar", "jar/p1", True)
    assert record.description.scores.ranked() == [("jar", 1.0)]


def test_a_second_run_skips_everything(run: Ingest) -> None:
    run()
    report = run()
    assert (report.described, report.unchanged, report.refused) == (0, 12, [])
    assert "segment" not in report.seconds, "nothing was described"


def test_the_same_folder_spelled_otherwise_is_the_same(
    run: Ingest, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.chdir(catalogue / "jar")
    (tmp_path / "link").symlink_to(catalogue)
    for spelling in (Path(".."), tmp_path / "other" / ".." / "catalogue", tmp_path / "link"):
        (tmp_path / "other").mkdir(exist_ok=True)
        report = run(spelling)
        assert (report.unchanged, report.described, report.duplicates) == (12, 0, [])


def test_the_report_is_kept_beside_the_gallery(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    save(catalogue / "jar/p0/broken.png", package("jar", 0)).write_bytes(b"\x89PNG\r\n\x1a\n")
    report = run()
    kept = json.loads((tmp_path / "gallery/last-ingest.json").read_text("utf-8"))
    assert kept == json.loads(report.to_json())
    assert (kept["added"], kept["images"]) == (12, 12)
    assert kept["refused"][0]["uri"].endswith("broken.png")
    assert kept["refused"][0]["reason"]
    assert 0 < kept["seconds"]["embed"] < kept["total_seconds"]
    text = report.text()
    assert "broken.png: is" in text and "12 added, 1 refused" in text


def test_images_without_a_mask_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    (folder / "jar").mkdir(parents=True)
    save(folder / "jar" / "a.png", bottles((200, 40, 40)).pixels)
    save(folder / "jar" / "b.png", white_on_white().pixels)
    save(folder / "jar" / "c.png", white_on_white(253).pixels)
    report = ingest(folder, tmp_path / "gallery", workers=1)
    assert (report.added, report.without_mask) == (3, 2)
    assert report.first_without_mask == str(folder / "jar" / "b.png")
    assert report.first_without_mask in report.text()
    assert json.loads(report.to_json())["without_mask"] == 2
    assert ingest(folder, tmp_path / "gallery", workers=1).without_mask == 0


def test_images_whose_masks_are_not_trusted_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    save(folder / "a.png", bottles((200, 40, 40)).pixels)
    save(folder / "b.png", white_on_white().pixels)
    never = ["trust.name=calibrated", "trust.threshold=1.0"]
    report = ingest(folder, tmp_path / "gallery", workers=1, profile="classic", overrides=never)
    assert (report.untrusted, report.without_mask) == (1, 1)
    assert report.first_untrusted == str(folder / "a.png")
    assert report.first_untrusted in report.text()


def test_cut_outs_are_ingested_by_their_alpha(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    pixels = np.full((120, 120, 4), 255, np.uint8)
    pixels[:, :40, 3] = pixels[:30, :, 3] = 0
    Image.fromarray(pixels).save(folder / "white.png")
    report = ingest(folder, tmp_path / "gallery", workers=1)
    (record,) = records(tmp_path).values()
    assert record.description.quality.flags == ("own_alpha",)
    assert (report.added, report.without_mask) == (1, 0)


def test_progress_ends_at_what_there_was_to_do(run: Ingest) -> None:
    seen: list[tuple[int, int]] = []
    run(progress=lambda done, total: seen.append((done, total)), overrides=[*QUICK, BATCH_OF_5])
    assert seen == [(0, 12), (5, 12), (10, 12), (12, 12)]


def test_progress_counts_an_image_that_is_refused_at_once(run: Ingest, catalogue: Path) -> None:
    (catalogue / "bottle" / "p0" / "0.png").write_bytes(b"no image")
    seen: list[int] = []
    run(progress=lambda done, total: seen.append(done), overrides=[*QUICK, BATCH_OF_5])
    assert seen == [0, 1, 6, 11, 13]


BATCH_OF_5 = "ingest.batch=5"


def test_workers_and_batches_change_nothing_in_the_gallery(catalogue: Path, tmp_path: Path) -> None:
    save(catalogue / "unlabelled.png", package("jar", 3))
    contents = []
    for workers, batch in ((1, 1), (3, 16), (2, 5)):
        folder = tmp_path / f"gallery-{workers}-{batch}"
        ingest(catalogue, folder, overrides=[*QUICK, f"ingest.batch={batch}"], workers=workers)
        with open_gallery(folder) as gallery:
            found = gallery.records([source.id for source in gallery.sources()])
            assert gallery.check() == []
        contents.append({record.uri: content(record) for record in found})
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 13


@pytest.mark.parametrize("name", ["0-first.png", "zz-last.png"])
def test_labelled_images_vote_on_unlabelled_ones_wherever_they_lie(
    run: Ingest, catalogue: Path, tmp_path: Path, name: str
) -> None:
    save(catalogue / name, package("bottle", 0, 1)[::-1].copy()[::-1])  # = bottle/p0/v1
    report = run(overrides=[*QUICK, "ingest.batch=1"])
    assert report.added == 13
    record = records(tmp_path)[name]
    assert (record.category, record.labelled) == ("bottle", False)


def test_without_any_label_images_are_uncategorised(tmp_path: Path) -> None:
    save(tmp_path / "loose/a.png", package("jar", 0))
    report = ingest(tmp_path / "loose", tmp_path / "gallery", overrides=QUICK)
    with open_gallery(tmp_path / "gallery") as gallery:
        assert dict(gallery.categories()) == {"uncategorised": 1}
    assert report.added == 1


def test_an_image_that_lost_its_label_is_predicted_anew(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    save(catalogue / "loose.png", package("bottle", 0))
    (catalogue / "labels.csv").write_text("path,category\nloose.png,stick\n")
    run()
    assert records(tmp_path)["loose.png"].category == "stick"
    (catalogue / "labels.csv").unlink()
    assert run().updated == 1
    record = records(tmp_path)["loose.png"]
    assert (record.category, record.labelled) == ("bottle", False)


def test_new_labels_are_laid_on_without_describing_again(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    (catalogue / "attributes.csv").write_text("path,category,brand\njar/p0,pot,Ours\n")
    report = run()
    assert (report.relabelled, report.unchanged, report.described) == (2, 10, 0)
    assert "segment" not in report.seconds
    record = records(tmp_path)["jar/p0/v1.png"]
    assert (record.category, record.attributes) == ("pot", {"brand": "Ours"})
    table = tmp_path / "given.csv"
    table.write_text("path,category\njar/p0/v1.png,tub\nnone.png,x\n")
    report = run(labels=table)
    assert (report.relabelled, report.unchanged) == (1, 11)
    (lost,) = report.lost_rows
    assert "none.png" in lost
    assert records(tmp_path)["jar/p0/v1.png"].category == "tub"


def test_a_stage_that_breaks_on_one_image_refuses_that_one_alone(
    run: Ingest, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Whole.segment

    def picky(self: Whole, images: Sequence[RGBImage]) -> list[Matte]:
        if any("jar/p0/v1" in image.uri for image in images):
            raise RuntimeError("no such luck")
        return whole(self, images)

    monkeypatch.setattr(Whole, "segment", picky)
    report = run()
    assert report.added == 11
    (refusal,) = report.refused
    assert refusal.uri.endswith("jar/p0/v1.png")
    assert refusal.reason == "segment failed: RuntimeError: no such luck"
    monkeypatch.undo()
    assert (run().added, len(records(tmp_path))) == (1, 12)


def test_a_gallery_keeps_the_settings_it_was_made_with(run: Ingest, catalogue: Path) -> None:
    run()
    save(catalogue / "jar/p0/new.png", package("jar", 7))
    assert run(overrides=()).added == 1


def test_other_parts_are_refused_and_nothing_is_written(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    save(catalogue / "jar/p0/new.png", package("jar", 7))
    with pytest.raises(FingerprintError, match="own settings"):
        run(overrides=[*QUICK, "embed.side=48"])
    assert len(records(tmp_path)) == 12


def test_unreadable_labels_leave_no_gallery_behind(catalogue: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv"):
        ingest(catalogue, tmp_path / "g", overrides=QUICK, labels=tmp_path / "none.csv")
    assert not (tmp_path / "g").exists()


def test_a_gallery_inside_the_folder_is_skipped(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "catalogue", products=1)
    inside = tmp_path / "catalogue" / "gallery"
    for expected, passed_over in ((6, []), (0, ["files of galleries"])):
        report = ingest(tmp_path / "catalogue", inside, overrides=QUICK, workers=1)
        assert (report.added, list(report.passed_over), report.refused) == (
            expected,
            passed_over,
            [],
        )
