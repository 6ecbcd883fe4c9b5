"""Searches beside a writer that adapts, and a writer that is killed while it does."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engine.galleries.local import LocalGallery
from engine.retrieval import AdaptedNeighbours
from engine.types import Embedding
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest

QUERY = Embedding(np.array([4, 2], np.float32))
MEANS = [(2.0, 1.0), (9.0, -3.0), (-4.0, 6.0), (0.5, 0.5)]
LOOP = """
import sys
from pathlib import Path
from engine.galleries.local import LocalGallery
from tests.engine.made_adaptations import adaptation
with LocalGallery.open(Path(sys.argv[1]), write=True) as gallery:
    print("ready", flush=True)
    for number in range(10_000):
        gallery.adapt(adaptation(photo_mean=(number, 1), products=number))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        places = np.random.default_rng(0).normal(size=(60, 2)) * 5
        names = [entry(str(at), f"c{at % 3}") for at in range(len(places))]
        gallery.add(names, [described(place.tolist()) for place in places])
        gallery.build_indexes()
    return tmp_path / "g"


def answers(gallery: LocalGallery) -> tuple[int, ...]:
    return tuple(one.id for one in AdaptedNeighbours(gallery, "photo").search(QUERY, 60))


def test_searches_beside_a_change_see_the_old_or_the_new_and_never_fail(folder: Path) -> None:
    seen: set[tuple[int, ...]] = set()
    failures: list[Exception] = []
    end = threading.Event()

    def search() -> None:
        try:
            with LocalGallery.open(folder) as reader:
                while not end.is_set():
                    seen.add(answers(reader))
        except Exception as error:
            failures.append(error)

    with LocalGallery.open(folder, write=True) as gallery:
        expected = {answers(gallery)}
        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(24):
            gallery.adapt(adaptation(photo_mean=MEANS[number % len(MEANS)]))
            expected.add(answers(gallery))
        end.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(expected) > 2 and seen <= expected


@pytest.mark.parametrize("seed", range(1))
def test_a_killed_writer_leaves_one_adaptation_whole(folder: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.02, 0.3))
    process.kill()
    process.wait()
    process.stdout.close()
    with LocalGallery.open(folder, write=True) as gallery:
        assert gallery.check() == []
        version = gallery.adapted_by()
        assert version is None or version in gallery.adaptations()
        assert len(answers(gallery)) == 60
        gallery.adapt(adaptation())
        assert gallery.check() == []
