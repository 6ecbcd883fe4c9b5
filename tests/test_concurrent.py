"""Queries beside an ingest: every answer is of one moment, and nothing waits for the writer."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import GalleryError
from engine.galleries import open_gallery
from offline import ingest
from stages.open_searcher import open_searcher
from tests.drawn_catalogue import QUICK, package, save, write_catalogue
from tests.watched_processes import wait

ROOT = Path(__file__).parents[1]
BATCH = 3


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Path]:
    """A gallery of one product, and a folder that has many more."""
    folder, gallery = tmp_path / "pictures", tmp_path / "gallery"
    save(folder / "jar" / "first" / "a.png", package("jar", 0))
    ingest(folder, gallery, overrides=QUICK, workers=1)
    write_catalogue(folder, products=6, views=2)
    (folder / "jar/p0/v0.png").unlink()  # the same as the first
    return folder, gallery


def test_a_query_beside_an_ingest_sees_whole_batches(begun: tuple[Path, Path]) -> None:
    folder, gallery = begun
    counts: list[int] = []
    with open_searcher(gallery) as opened, ThreadPoolExecutor(1) as pool:
        photo = opened.read(folder / "jar/first/a.png")

        def until_the_next_answer(done: int, total: int) -> None:
            so_far = len(counts)
            assert wait(lambda: len(counts) > so_far)

        writer = pool.submit(
            ingest,
            folder,
            gallery,
            overrides=[*QUICK, f"ingest.batch={BATCH}"],
            workers=1,
            progress=until_the_next_answer,
        )
        while not writer.done():
            results = opened.searcher.search(photo, k=1000)
            assert results.hits[0].record.product_id == "jar/first"
            assert results.hits[0].distance == pytest.approx(0, abs=1e-3)
            with opened.gallery.snapshot():
                found = opened.gallery.search(results.query.embedding, 1000)
                records = opened.gallery.records([neighbour.id for neighbour in found])
                counts.append(len(opened.gallery))
            assert len(records) == counts[-1]
        assert writer.result().added == 35
        last = opened.gallery.search(results.query.embedding, 1000)
    assert len(last) == 36
    assert counts == sorted(counts)
    assert len(set(counts)) > 2, "some queries ran amid the ingest"
    # 1 image, then whole batches of labelled ones, the last of them smaller.
    assert all((count - 1) % BATCH == 0 or count == 36 for count in counts)
    with open_gallery(gallery) as reader:
        assert reader.check() == []


def test_indexes_that_readers_left_amid_the_ingest_are_swept_up(begun: tuple[Path, Path]) -> None:
    folder, gallery = begun
    with open_searcher(gallery) as opened:
        photo = opened.read(folder / "jar/first/a.png")
        ingest(
            folder,
            gallery,
            overrides=[*QUICK, "ingest.batch=4"],
            workers=1,
            progress=lambda done, total: opened.searcher.search(photo) and None,
        )
        opened.searcher.search(photo)
    files = sorted(path.name for path in (gallery / "indexes").iterdir())
    assert len(files) == 3, files
    assert all(name.endswith(".faiss") for name in files)


def test_two_ingests_at_once_are_one_ingest_and_one_clear_refusal(
    begun: tuple[Path, Path],
) -> None:
    folder, gallery = begun
    refusals: list[GalleryError] = []

    def second(done: int, total: int) -> None:
        if done == 0:
            with pytest.raises(GalleryError, match="is writing to this gallery") as caught:
                ingest(folder, gallery, overrides=QUICK, workers=1)
            refusals.append(caught.value)

    report = ingest(folder, gallery, overrides=QUICK, workers=1, progress=second)
    assert (report.added, len(refusals)) == (35, 1)


def test_several_processes_query_at_once_and_agree(begun: tuple[Path, Path]) -> None:
    """Each finds no index at first, builds it, and renames it into place."""
    folder, gallery = begun
    ingest(folder, gallery, overrides=QUICK, workers=1)
    for path in (gallery / "indexes").iterdir():
        path.unlink()
    program = "import sys; from packsight.cli import entry; entry()"
    arguments = ["query", folder / "jar/p3/v1.png", "--gallery", gallery, "--json"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    answers = []
    for process in processes:
        output, errors = process.communicate()
        assert (process.returncode, errors) == (0, b"")
        answers.append(json.loads(output)["hits"])
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0]["product"] == "jar/p3"
