"""What a gallery remembers of an ingest for the next one: labels, refused files and copies."""

from __future__ import annotations

import importlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine import decoding
from engine.decoding import Decoded, DecodingPool, PassingError
from engine.errors import ConfigError, ImageError
from engine.galleries import open_gallery
from offline.ingest.scan import Scan, scan
from stages.embed.handcrafted import Handcrafted
from tests.drawn_catalogue import QUICK, package, save
from tests.offline.gallery_contents import Ingest, records


@pytest.fixture(autouse=True)
def decoding_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a decoder takes longer to start than these images to decode."""

    def decode(pool: DecodingPool, path: Path) -> Decoded | ImageError:
        try:
            return decoding._decoded(path, pool._limits)
        except ImageError as error:
            return error

    monkeypatch.setattr(DecodingPool, "_decode", decode)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are decoded, as it happens."""
    names: list[str] = []
    real = DecodingPool._decode

    def decode(pool: DecodingPool, path: Path) -> object:
        names.append(path.name)
        return real(pool, path)

    monkeypatch.setattr(DecodingPool, "_decode", decode)
    return names


def test_content_of_the_same_size_and_date_is_described_anew(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    """As `cp -p` and archives leave it; a BMP's length depends on its width and height alone."""
    file = save(catalogue / "jar/p0/v0.bmp", package("jar", 7))
    run()
    before, status = records(tmp_path)["jar/p0/v0.bmp"], file.stat()
    save(file, package("jar", 9))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    report = run()
    assert (report.updated, report.unchanged) == (1, 12)
    assert records(tmp_path)["jar/p0/v0.bmp"].sha256 != before.sha256


def test_another_file_with_the_dates_of_the_first_is_described_anew(
    run: Ingest, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system's time of change is too coarse, the inode tells them apart."""
    file = save(catalogue / "jar/p0/v0.bmp", package("jar", 7))
    new = save(tmp_path / "new.bmp", package("jar", 9))

    def one_date(folder: Path) -> Scan:
        found = scan(folder)
        found.images = [replace(image, mtime_ns=1, ctime_ns=1) for image in found.images]
        return found

    monkeypatch.setattr(importlib.import_module("offline.ingest.run"), "scan", one_date)
    run()
    new.replace(file)
    assert (run().updated, run().unchanged) == (1, 13)


def test_a_gallery_from_before_identity_was_kept_describes_nothing_again(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    with open_gallery(tmp_path / "gallery", write=True) as gallery:
        gallery._connection.execute("UPDATE images SET ctime_ns = NULL, inode = NULL")  # type: ignore[attr-defined]
    report = run()
    assert (report.unchanged, report.described) == (12, 0)
    source = records(tmp_path)["jar/p0/v0.png"]
    with open_gallery(tmp_path / "gallery") as gallery:
        (kept,) = (one for one in gallery.sources() if one.id == source.id)
    assert kept.inode == (catalogue / "jar/p0/v0.png").stat().st_ino


def test_reread_describes_all_images_anew_under_their_ids(run: Ingest, tmp_path: Path) -> None:
    run()
    before = {path: record.id for path, record in records(tmp_path).items()}
    report = run(reread=True)
    assert (report.updated, report.added, report.unchanged) == (12, 0, 0)
    assert {path: record.id for path, record in records(tmp_path).items()} == before


def table(
    folder: Path, text: str = "path,product\njar/p0/v0.png,mine\njar/p0/v1.png,mine\n"
) -> Path:
    path = folder / "given.csv"
    path.write_text(text)
    return path


def test_a_given_table_is_used_again_by_the_next_ingest(run: Ingest, tmp_path: Path) -> None:
    run(labels=table(tmp_path))
    for _ in range(2):
        report = run()
        assert (report.unchanged, report.relabelled) == (12, 0)
        assert any("given.csv" in note for note in report.notes)
    assert records(tmp_path)["jar/p0/v0.png"].product_id == "mine"


def test_a_given_table_that_changed_is_used_as_it_is_now(run: Ingest, tmp_path: Path) -> None:
    run(labels=table(tmp_path))
    table(tmp_path, "path,product\njar/p0/v0.png,other\n")
    report = run()
    assert report.relabelled == 2 and any("changed" in note for note in report.notes)
    assert not any("changed" in note for note in run().notes)
    found = records(tmp_path)
    assert found["jar/p0/v0.png"].product_id == "other"
    assert found["jar/p0/v1.png"].product_id == "jar/p0"


def test_a_folder_below_uses_the_table_of_the_one_above(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run(labels=table(tmp_path, "path,product\njar/p0/v0.png,mine\nstick/p0/v0.png,yours\n"))
    report = run(catalogue / "jar")
    assert report.lost_rows == []
    assert records(tmp_path)["jar/p0/v0.png"].product_id == "mine"


def test_where_a_given_table_is_gone_no_label_is_lost(run: Ingest, tmp_path: Path) -> None:
    given = table(tmp_path)
    run(labels=given)
    given.unlink()
    with pytest.raises(ConfigError, match=r"given\.csv.*2 rows") as error:
        run()
    assert "--labels" in error.value.remedy and "--forget-labels" in error.value.remedy
    assert records(tmp_path)["jar/p0/v0.png"].product_id == "mine"
    assert run(forget_labels=True).relabelled == 2
    assert records(tmp_path)["jar/p0/v0.png"].product_id == "jar/p0"
    assert run().notes == []


def test_a_folder_above_uses_the_tables_of_those_below(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run(catalogue / "jar", labels=table(tmp_path, "path,product\np0/v0.png,mine\n"))
    assert run().lost_rows == []
    assert records(tmp_path)["jar/p0/v0.png"].product_id == "mine"


def test_images_that_move_out_of_the_folder_of_their_table_keep_its_labels(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    given = table(tmp_path)
    run(labels=given)
    renamed = catalogue.rename(tmp_path / "renamed")
    with pytest.raises(ConfigError, match=r"12 images.*given\.csv"):
        run(renamed)
    report = run(renamed, labels=given)
    assert (report.renamed, report.described) == (12, 0)
    with open_gallery(tmp_path / "gallery") as gallery:
        assert len(gallery.find(product_id="mine")) == 2
    assert run(renamed, forget_labels=True).relabelled == 2


def test_another_table_takes_the_place_of_the_first(run: Ingest, tmp_path: Path) -> None:
    run(labels=table(tmp_path))
    (tmp_path / "new").mkdir()
    run(labels=table(tmp_path / "new", "path,product\njar/p0/v1.png,new\n"))
    run()
    found = records(tmp_path)
    assert found["jar/p0/v0.png"].product_id == "jar/p0"
    assert found["jar/p0/v1.png"].product_id == "new"


def test_refused_files_are_not_decoded_again_until_they_change(
    run: Ingest, catalogue: Path, decoded: list[str]
) -> None:
    bad = catalogue / "jar/bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n, or so it begins")
    first = run()
    assert "bad.png" in decoded and len(first.refused) == 1
    decoded.clear()
    again = run()
    assert again.refused == first.refused and decoded == []
    save(bad, package("jar", 7))
    assert (run().added, run().refused) == (1, [])


@pytest.mark.parametrize("change", ["reread", "limits"])
def test_refused_files_are_tried_again_where_it_may_help(
    run: Ingest, catalogue: Path, decoded: list[str], change: str
) -> None:
    save(catalogue / "jar/large.png", package("jar", 7))
    small = [*QUICK, "images.max_pixels=5000"]
    assert len(run(overrides=small).refused) == 13
    decoded.clear()
    if change == "reread":
        assert len(run(overrides=small, reread=True).refused) == 13
        assert len(decoded) == 13
    else:
        assert (run().added, run().refused) == (13, [])


def test_a_file_that_could_not_be_read_is_tried_again(
    run: Ingest, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DecodingPool._decode

    def broken(pool: DecodingPool, path: Path) -> object:
        fails = path.name == "v0.png"
        return PassingError(str(path), "cannot be read") if fails else real(pool, path)

    monkeypatch.setattr(DecodingPool, "_decode", broken)
    refused = len(run().refused)
    assert refused > 0
    monkeypatch.undo()
    assert run().added == refused


def test_of_copies_the_shortest_name_is_kept_and_told_once(
    run: Ingest, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = save(catalogue / "jar/p9/view.png", package("jar", 9))
    for name in ("Copy of view.png", "view (1).png"):
        shutil.copy2(original, original.with_name(name))
    first = run()
    assert {Path(one.uri).name for one in first.duplicates} == {"Copy of view.png", "view (1).png"}
    assert {Path(one.same_as).name for one in first.duplicates} == {"view.png"}
    assert "Copy of" in first.text()
    hashed: list[Path] = []
    plan = importlib.import_module("offline.ingest.plan")
    monkeypatch.setattr(plan, "file_sha256", hashed.append)
    again = run()
    assert len(again.duplicates) == 2 and hashed == []
    assert "Copy of" not in again.text() and "2 duplicate" in again.text()
    assert "jar/p9/view.png" in records(tmp_path)


def test_of_copies_with_names_of_one_length_the_oldest_is_kept(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    for name, date in (("a.png", 3_000), ("b.png", 1_000), ("c.png", 2_000)):
        file = save(catalogue / "jar/p9" / name, package("jar", 9))
        os.utime(file, (date, date))
    assert len(run().duplicates) == 2
    assert "jar/p9/b.png" in records(tmp_path)


def test_an_empty_gallery_takes_other_settings(run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "bad.png").write_bytes(b"text")
    run(tmp_path / "nothing", overrides=[*QUICK, "embed.side=48"])
    with open_gallery(tmp_path / "gallery") as gallery:
        before = gallery.manifest
    assert run().added == 12
    with open_gallery(tmp_path / "gallery") as gallery:
        assert gallery.manifest.fingerprint != before.fingerprint


def test_a_model_that_can_take_no_image_fails_once(
    run: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed(self: object, cutouts: object) -> object:
        raise RuntimeError("the input has another shape")

    monkeypatch.setattr(Handcrafted, "embed", embed)
    with pytest.raises(ConfigError, match=r"embed can describe no image.*another shape"):
        run()
    monkeypatch.undo()
    assert run().added == 12
