"""A whole benchmark of small images: killed, gone on with, refused, out of room."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("mitsuba", reason="needs the extra `render`")

from engine.errors import ConfigError
from offline.datasets import missing_files, open_dataset
from offline.datasets.packbench.build import LOCK, build
from offline.datasets.packbench.check import faults
from offline.datasets.packbench.journal import JOURNAL
from offline.datasets.packbench.manifest import HEADER_FILE, read_header
from offline.datasets.packbench.presets import Preset
from offline.datasets.packbench.shots import Benchmark
from tests.watched_processes import alive, children, wait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]

NONE = (0, 0, 0)
BENCHMARK = Benchmark(Preset("small", 32, 1, 1, 1, 1, NONE, 0, 0, NONE), 7, 0.5)
ENOUGH = 3  # images after which a run is disturbed
# argv: folder, and what runs out of room: workers, journal, manifest or nothing; or "time", where
# it stops for ever before all is done.
PROGRAM = """
import resource, sys, time
from pathlib import Path
from engine.errors import PacksightError
from offline.datasets.packbench.build import build
from tests.offline.datasets.packbench.test_build import BENCHMARK, ENOUGH

out, full = Path(sys.argv[1]), sys.argv[2]

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def progress(done, total):
    if full == "journal" and done == ENOUGH or full == "manifest" and done == total:
        limit(10)
    if full == "time" and done == 3 * ENOUGH:
        time.sleep(600)

if full == "workers":
    limit(1000)
try:
    build(BENCHMARK, out, workers=2, variant="scalar_rgb", progress=progress)
except PacksightError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""


def start(folder: Path, full: str = "nothing") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, full],
        cwd=Path(__file__).parents[4],
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, full: str = "nothing") -> tuple[int, str]:
    """The exit status and the output."""
    with start(folder, full) as process:
        _, errors = process.communicate()
    assert "Traceback" not in errors, errors
    return process.returncode, errors


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the lock."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def differing(one: Path, other: Path) -> list[str]:
    """Files that only one of the two has, or that are not the same in both."""
    left, right = contents(one), contents(other)
    return sorted(name for name in left | right if left.get(name) != right.get(name))


def noted(folder: Path) -> int:
    """Images in the journal."""
    path = folder / JOURNAL
    return max(len(path.read_bytes().splitlines()) - 1, 0) if path.exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark whose run was not disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder) == (0, "")
    return folder


@dataclass(frozen=True)
class Killed:
    """What was seen of a run that was killed when some images were done."""

    folder: Path
    done: int
    second_run: str  # the error of another run in the same folder meanwhile
    orphans: list[int]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    with start(folder, "time") as process:
        assert wait(lambda: noted(folder) >= ENOUGH or process.poll() is not None)
        with pytest.raises(ConfigError) as refused:
            build(BENCHMARK, folder, workers=1, variant="scalar_rgb")
        workers = children(process.pid)
        process.kill()
        process.communicate()
    wait(lambda: not any(map(alive, workers)))
    assert len(workers) >= 2
    return Killed(folder, noted(folder), str(refused.value), [w for w in workers if alive(w)])


def test_a_benchmark_is_whole_and_opens_as_a_data_set(whole: Path) -> None:
    assert list(faults(whole)) == []
    assert read_header(whole).pictures == BENCHMARK.preset.images == 15
    dataset = open_dataset(whole)
    assert missing_files(dataset) == []
    assert len(dataset.images("catalogue")) == 15
    assert not (whole / JOURNAL).exists()


def test_a_second_run_at_the_same_time_is_refused(killed: Killed) -> None:
    assert "another run is at work" in killed.second_run
    assert "--out" in killed.second_run


def test_workers_do_not_outlive_a_killed_run(killed: Killed) -> None:
    assert killed.orphans == []


def test_a_killed_run_is_gone_on_with_and_ends_in_the_same_bytes(
    killed: Killed, whole: Path
) -> None:
    assert ENOUGH <= killed.done < 15
    assert not (killed.folder / HEADER_FILE).exists()
    other = Benchmark(BENCHMARK.preset, 8, 0.5)
    with pytest.raises(ConfigError, match=r"seed 7.* 8"):
        build(other, killed.folder, workers=1, variant="scalar_rgb")
    kept = {
        name: data
        for name, data in contents(killed.folder).items()
        if name.endswith(".jpg") and ".part" not in name
    }
    half = killed.folder / "mattes" / ".packsight-0123456789abcdef.part.png"
    half.write_bytes(b"of a write that the kill cut short")
    assert run(killed.folder) == (0, "")
    assert differing(killed.folder, whole) == []
    assert kept.items() <= contents(whole).items()


def test_a_finished_benchmark_is_left_as_it_is_and_no_other_is_made_in_its_place(
    whole: Path,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.*") if path.name != LOCK}
    assert build(BENCHMARK, whole, variant="scalar_rgb") == read_header(whole)
    for other, named in (
        (Benchmark(BENCHMARK.preset, 8, 0.5), "seed 7"),
        (Benchmark(BENCHMARK.preset, 7, 0.25), "difficulty 0.5"),
    ):
        with pytest.raises(ConfigError, match=f"another Packbench.*{named}"):
            build(other, whole, variant="scalar_rgb")
    after = {path: path.stat().st_mtime_ns for path in whole.rglob("*.*") if path.name != LOCK}
    assert before == after


def test_a_full_disk_is_one_error_line_and_room_is_all_it_takes_to_go_on(
    whole: Path, tmp_path: Path
) -> None:
    done = []
    for full in ("workers", "journal", "manifest"):
        code, output = run(tmp_path, full)
        assert code == 3
        assert "cannot be written (File too large)" in output
        assert "Make room" in output
        assert not (tmp_path / HEADER_FILE).exists()
        done.append(noted(tmp_path))
    assert done == [0, ENOUGH, 15]
    assert run(tmp_path) == (0, "")
    assert differing(tmp_path, whole) == []


def test_a_variant_that_there_is_not_is_refused_with_one_that_works(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no_such_rgb.*scalar_rgb"):
        build(BENCHMARK, tmp_path / "out", variant="no_such_rgb")
    assert not (tmp_path / "out").exists()
