"""Decoding processes: order, a bounded look ahead, crashes, and no process left over."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.decoding import Decoded, DecodingPool, PassingError
from engine.errors import ImageError, ImageTooLargeError
from engine.images import ImageLimits
from tests.drawn_catalogue import package, write_catalogue
from tests.watched_processes import alive, wait


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_catalogue(tmp_path_factory.mktemp("images"), products=4)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_with_the_hash_of_the_file(files: list[Path], workers: int) -> None:
    with DecodingPool(workers, ImageLimits(), ahead=5) as pool:
        results = list(pool.map(files))
    assert len(results) == len(files)
    for path, result in zip(files, results, strict=True):
        assert isinstance(result, Decoded)
        assert result.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert result.image.uri == str(path)
        category, product, view = path.parts[-3], int(path.parts[-2][1:]), int(path.stem[1:])
        np.testing.assert_array_equal(result.image.pixels, package(category, product, view))


def test_what_cannot_be_read_is_an_error_in_its_place(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("text")
    (tmp_path / "large.png").write_bytes(b"x" * 5000)
    paths = [
        files[0],
        tmp_path / "bad.jpg",
        tmp_path / "none.jpg",
        tmp_path / "large.png",
        files[1],
    ]
    with DecodingPool(2, ImageLimits(max_bytes=4000), ahead=2) as pool:
        results = list(pool.map(paths))
    kinds = [type(result) for result in results]
    assert kinds == [Decoded, ImageError, PassingError, ImageTooLargeError, Decoded]
    reasons = [result.reason for result in results if isinstance(result, ImageError)]
    assert "format" in reasons[0]
    assert "No such file" in reasons[1]
    assert "limit" in reasons[2]


def test_it_reads_no_further_ahead_than_its_limit(files: list[Path]) -> None:
    taken: list[Path] = []

    def source() -> Iterator[Path]:
        for path in files:
            taken.append(path)
            yield path

    with DecodingPool(2, ImageLimits(), ahead=4) as pool:
        results = pool.map(source())
        next(results)
        assert len(taken) == 4
        next(results)
        assert len(taken) == 5


def test_a_killed_decoder_costs_the_image_it_held_and_is_replaced(files: list[Path]) -> None:
    with DecodingPool(1, ImageLimits(), ahead=1) as pool:
        results = pool.map(files)
        first = next(results)
        pool._workers[0]._process.send_signal(signal.SIGKILL)
        pool._workers[0]._process.wait()
        rest = list(results)
    assert isinstance(first, Decoded)
    lost = [result for result in rest if isinstance(result, ImageError)]
    assert [error.reason for error in lost] == ["crashed its decoder"]
    assert len(rest) == len(files) - 1
    assert all(worker._process.poll() is not None for worker in pool._workers)


def test_leaving_amid_the_work_leaves_no_process(files: list[Path]) -> None:
    with DecodingPool(3, ImageLimits(), ahead=8) as pool:
        next(pool.map(files))
    assert all(worker._process.poll() is not None for worker in pool._workers)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_decoders_end_when_their_parent_is_killed(files: list[Path]) -> None:
    program = (
        "import sys, time; from pathlib import Path; from engine.images import ImageLimits;"
        "from engine.decoding import DecodingPool;"
        "pool = DecodingPool(2, ImageLimits(), ahead=4);"
        "results = pool.map(map(Path, sys.argv[1:])); next(results); next(results);"
        "print(*(worker._process.pid for worker in pool._workers), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, files)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None and parent.stderr is not None
        decoders = [int(pid) for pid in parent.stdout.readline().split()]
        assert decoders
        parent.kill()
        errors = parent.stderr.read()  # ends when the last decoder has closed it
    assert wait(lambda: not any(map(alive, decoders)))
    assert errors == b""
