"""Ingests after files changed, moved, vanished or were copied."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from tests.drawn_catalogue import package, save
from tests.offline.gallery_contents import Ingest, later, records


def test_a_file_that_was_only_touched_is_not_described_again(run: Ingest, catalogue: Path) -> None:
    run()
    later(catalogue / "jar/p0/v0.png")
    assert run().unchanged == 12
    report = run()
    assert (report.unchanged, report.described) == (12, 0)


def test_a_changed_image_is_updated_under_its_id(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    before = records(tmp_path)["jar/p0/v0.png"]
    save(catalogue / "jar/p0/v0.png", package("stick", 9))
    report = run()
    after = records(tmp_path)["jar/p0/v0.png"]
    assert (report.updated, report.added, report.unchanged) == (1, 0, 11)
    assert after.id == before.id
    assert after.sha256 != before.sha256
    assert not np.array_equal(
        after.description.embedding.vector, before.description.embedding.vector
    )


def test_an_image_of_the_same_length_is_described_anew(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    """A BMP's length depends on its width and height alone."""
    file = save(catalogue / "jar/p0/v0.bmp", package("jar", 7))
    run()
    length, before = file.stat().st_size, records(tmp_path)["jar/p0/v0.bmp"]
    save(file, package("jar", 9))
    later(file)
    assert file.stat().st_size == length
    report = run()
    after = records(tmp_path)["jar/p0/v0.bmp"]
    assert (report.updated, report.added, report.unchanged) == (1, 0, 12)
    assert after.id == before.id
    assert after.sha256 == hashlib.sha256(file.read_bytes()).hexdigest() != before.sha256
    assert not np.array_equal(
        after.description.embedding.vector, before.description.embedding.vector
    )


def test_a_moved_image_is_renamed_and_follows_its_folder(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    before = records(tmp_path)["jar/p0/v0.png"]
    (catalogue / "stick" / "new").mkdir()
    (catalogue / "jar/p0/v0.png").rename(catalogue / "stick/new/a.png")
    report = run()
    after = records(tmp_path)["stick/new/a.png"]
    assert (report.renamed, report.described, report.missing) == (1, 0, [])
    assert (after.id, after.category, after.product_id) == (before.id, "stick", "stick/new")


def test_two_images_that_change_places_are_both_described_anew(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    before = records(tmp_path)
    one, other = catalogue / "jar/p0/v0.png", catalogue / "jar/p0/v1.png"
    one.rename(tmp_path / "aside.png")
    other.rename(one)
    (tmp_path / "aside.png").rename(other)
    later(one)
    later(other)
    report = run()
    after = records(tmp_path)
    assert (report.updated, report.duplicates) == (2, [])
    assert after["jar/p0/v0.png"].sha256 == before["jar/p0/v1.png"].sha256
    assert after["jar/p0/v1.png"].sha256 == before["jar/p0/v0.png"].sha256


def test_the_same_image_twice_in_a_product_is_kept_once(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar/p0/again.png").write_bytes((catalogue / "jar/p0/v0.png").read_bytes())
    for _ in range(2):  # detected while reading, then by the gallery
        (duplicate,) = run().duplicates
        assert {Path(duplicate.uri).name, Path(duplicate.same_as).name} == {"again.png", "v0.png"}
    assert len(records(tmp_path)) == 12


def test_when_the_kept_twin_goes_the_other_takes_its_place(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar/p0/again.png").write_bytes((catalogue / "jar/p0/v0.png").read_bytes())
    (duplicate,) = run().duplicates
    Path(duplicate.same_as).unlink()
    report = run()
    assert (report.renamed, report.described, report.missing) == (1, 0, [])
    assert Path(duplicate.uri).relative_to(catalogue).as_posix() in records(tmp_path)


def test_the_same_image_under_two_products_is_kept_for_both(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    save(catalogue / "stick/copy/a.png", package("jar", 0))
    report = run()
    assert (report.added, report.duplicates) == (1, [])
    assert "segment" not in report.seconds, "its description was known"
    found = records(tmp_path)
    one, other = found["jar/p0/v0.png"].description, found["stick/copy/a.png"].description
    np.testing.assert_array_equal(one.embedding.vector, other.embedding.vector)
    assert other.scores.ranked() == [("stick", 1.0)]


def test_an_image_that_became_its_neighbour_leaves_nothing_stale(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    save(catalogue / "jar/p0/v0.png", package("jar", 0, 1))  # the same as v1.png
    report = run()
    assert len(report.duplicates) == 1
    assert report.removed == 1
    assert "jar/p0/v0.png" not in records(tmp_path)
    assert run().removed == 0


def test_a_twin_of_an_image_that_changed_its_product_is_no_duplicate(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    (catalogue / "jar/p0/a.png").write_bytes((catalogue / "jar/p0/v0.png").read_bytes())
    (catalogue / "jar/p0/attributes.csv").write_text("path,product\nv0.png,other\n")
    report = run()
    assert (report.added, report.relabelled, report.duplicates) == (1, 1, [])
    found = records(tmp_path)
    assert found["jar/p0/v0.png"].product_id == "jar/p0/other"
    assert found["jar/p0/a.png"].product_id == "jar/p0"


def test_a_deleted_file_is_missing_until_it_is_pruned(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    (catalogue / "jar/p0/v0.png").unlink()
    assert run().missing == [str(catalogue / "jar/p0/v0.png")]
    assert len(records(tmp_path)) == 12
    report = run(prune=True)
    assert (report.removed, report.missing) == (1, [])
    assert len(records(tmp_path)) == 11


@pytest.mark.parametrize(
    ("left", "kept"), [("nothing", 0), ("all but a folder", 8), ("less than half", 3)]
)
def test_what_looks_like_a_vanished_mount_is_not_pruned(
    run: Ingest, catalogue: Path, tmp_path: Path, left: str, kept: int
) -> None:
    run()
    for path in sorted(catalogue.rglob("*.png")):
        category, product, _ = path.relative_to(catalogue).parts
        last = product == "p1" and path.stem == "v1"
        spared = {"nothing": False, "all but a folder": category != "jar", "less than half": last}
        if not spared[left]:
            path.unlink()
    with pytest.raises(ConfigError) as refused:
        run(prune=True)
    assert "--force-prune" in refused.value.remedy
    assert len(records(tmp_path)) == 12
    assert len(run().missing) == 12 - kept
    report = run(force_prune=True)
    assert (report.images, report.removed, report.missing) == (kept, 12 - kept, [])
    assert run(prune=True).removed == 0


def test_a_renamed_folder_is_no_vanished_one(run: Ingest, catalogue: Path, tmp_path: Path) -> None:
    run()
    (catalogue / "jar").rename(catalogue / "glass")
    (catalogue / "stick/p0/v0.png").unlink()
    report = run(prune=True)
    assert (report.renamed, report.removed, report.images) == (4, 1, 11)


def test_pruning_touches_nothing_outside_the_folder(
    run: Ingest, catalogue: Path, tmp_path: Path
) -> None:
    run()
    (catalogue / "jar/p0/v0.png").unlink()
    assert run(catalogue / "stick", prune=True).removed == 0
    assert len(records(tmp_path)) == 12
