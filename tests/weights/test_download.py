"""Downloads: whole or not there, continued where they broke, against a server on this machine."""

import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import WeightsError
from tests.watched_processes import wait
from tests.weights.loopback import Loopback, loopback, make_entry, temporary_files
from weights import download
from weights.checksums import Checksum
from weights.fetch import FetchPolicy, WeightsFile, fetch_checkpoint

BODY = os.urandom(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()
PUBLISHED = Checksum("sha256_prefix", SHA256[:8])
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no waiting between attempts, nothing of the user's own folders."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("PACKSIGHT_OFFLINE", raising=False)
    monkeypatch.setenv("U2NET_HOME", "/nonexistent")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback(BODY) as running:
        yield running


def fetch(
    server: Loopback,
    folder: Path,
    checksum: Checksum | None = PUBLISHED,
    *,
    size: int | None = None,
    replace_damaged: bool = False,
) -> WeightsFile:
    entry = make_entry(server.url, checksum, size=size)
    policy = FetchPolicy(folder)
    return fetch_checkpoint(entry, policy, replace_damaged=replace_damaged)


@pytest.mark.parametrize("checksum", [PUBLISHED, Checksum("md5", MD5), Checksum("sha256", SHA256)])
def test_a_download_arrives_whole_and_verified(
    server: Loopback, tmp_path: Path, checksum: Checksum
) -> None:
    found = fetch(server, tmp_path, checksum, size=len(BODY))
    assert found.path == tmp_path / "model.onnx"
    assert found.path.read_bytes() == BODY
    assert found.verified
    assert found.sha256 == SHA256
    assert temporary_files(tmp_path) == []


def test_a_file_in_the_cache_is_not_fetched_again(server: Loopback, tmp_path: Path) -> None:
    fetch(server, tmp_path)
    fetch(server, tmp_path)
    assert server.ranges == [""]


def test_a_broken_connection_is_taken_up_where_it_broke(server: Loopback, tmp_path: Path) -> None:
    server.cuts = [100_000, 50_000]
    assert fetch(server, tmp_path).path.read_bytes() == BODY
    assert server.ranges == ["", "bytes=100000-", "bytes=150000-"]


def test_a_part_left_by_a_killed_process_is_continued(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(BODY[:123_456])
    assert fetch(server, tmp_path).path.read_bytes() == BODY
    assert server.ranges == ["bytes=123456-"]


def test_a_part_that_is_complete_needs_no_more_bytes(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(BODY)
    assert fetch(server, tmp_path).path.read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY)}-"]


def test_a_part_longer_than_the_file_starts_anew(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(BODY + b"more")
    assert fetch(server, tmp_path).path.read_bytes() == BODY
    assert server.ranges == [f"bytes={len(BODY) + 4}-", ""]


def test_a_server_without_ranges_sends_everything_again(server: Loopback, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.cuts = [100_000]
    assert fetch(server, tmp_path).path.read_bytes() == BODY


def test_without_a_checksum_no_leftover_is_trusted(
    server: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "model.onnx.part").write_bytes(b"of another version")
    found = fetch(server, tmp_path, None)
    assert found.path.read_bytes() == BODY
    assert not found.verified
    assert server.ranges == [""]
    assert "unverified" in caplog.text


def test_a_connection_that_breaks_every_time_keeps_what_came(
    server: Loopback, tmp_path: Path
) -> None:
    server.cuts = [1000] * 4
    with pytest.raises(WeightsError, match=r"4000 bytes are kept.*packsight weights fetch toy"):
        fetch(server, tmp_path)
    assert (tmp_path / "model.onnx.part").read_bytes() == BODY[:4000]
    assert not (tmp_path / "model.onnx").exists()


def test_other_bytes_are_deleted_and_both_checksums_shown(server: Loopback, tmp_path: Path) -> None:
    server.body = b"something else"
    found = hashlib.sha256(server.body).hexdigest()[:8]
    with pytest.raises(WeightsError, match=rf"expected sha256_prefix {SHA256[:8]}.*{found}"):
        fetch(server, tmp_path)
    assert [path.name for path in tmp_path.glob("model.onnx*")] == ["model.onnx.lock"]


def test_another_length_is_refused(server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected 7 bytes, found 300000 bytes"):
        fetch(server, tmp_path, None, size=7)
    assert temporary_files(tmp_path) == []


def test_an_absent_file_at_the_publisher_is_reported_at_once(
    server: Loopback, tmp_path: Path
) -> None:
    server.failures = [404]
    with pytest.raises(WeightsError, match=r"answered 404"):
        fetch(server, tmp_path)
    assert len(server.ranges) == 1


def test_a_server_error_is_retried(server: Loopback, tmp_path: Path) -> None:
    server.failures = [503, 500]
    assert fetch(server, tmp_path).path.read_bytes() == BODY


def test_no_server_at_all_names_the_command_and_the_folder(tmp_path: Path) -> None:
    with loopback(BODY) as gone:
        pass
    with pytest.raises(WeightsError, match="packsight weights fetch toy") as raised:
        fetch(gone, tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_a_full_disk_is_no_broken_connection(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(WeightsError, match="No space left on device"):
        fetch(server, tmp_path)
    assert len(server.ranges) == 1


def test_a_damaged_file_is_replaced_on_request(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(BODY[:-1] + bytes([BODY[-1] ^ 1]))
    assert fetch(server, tmp_path, replace_damaged=True).path.read_bytes() == BODY


FETCH_IN_A_PROCESS = """
import sys
from pathlib import Path
from tests.weights.loopback import make_entry
from weights.checksums import Checksum
from weights.fetch import FetchPolicy, fetch_checkpoint
url, prefix, folder = sys.argv[1:]
entry = make_entry(url, Checksum("sha256_prefix", prefix))
print(fetch_checkpoint(entry, FetchPolicy(Path(folder))).sha256)
"""


def fetching_process(server: Loopback, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH_IN_A_PROCESS, server.url, SHA256[:8], str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_fetch_once_and_agree(server: Loopback, tmp_path: Path) -> None:
    server.delay = 0.5  # long enough for all three to request it while the first one waits
    processes = [fetching_process(server, tmp_path) for _ in range(3)]
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert answers == [SHA256] * 3
    assert (tmp_path / "model.onnx").read_bytes() == BODY
    assert server.ranges == [""]


def test_after_a_kill_the_next_process_continues(server: Loopback, tmp_path: Path) -> None:
    server.stall = threading.Event()
    process, part = fetching_process(server, tmp_path), tmp_path / "model.onnx.part"
    assert wait(lambda: part.exists() and part.stat().st_size > 0)
    process.kill()
    process.communicate(timeout=60)
    server.stall.set()
    kept = part.stat().st_size
    assert 0 < kept < len(BODY)
    assert not (tmp_path / "model.onnx").exists()
    assert fetch(server, tmp_path).path.read_bytes() == BODY
    assert server.ranges == ["", f"bytes={kept}-"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "watched"), [(Terminal(), True), (io.StringIO(), False)])
def test_a_bar_is_shown_on_a_terminal(
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO,
    watched: bool,
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    fetch(server, tmp_path)
    shown = stream.getvalue()
    assert ("toy" in shown) == watched
    assert ("300.0/300.0 kB" in shown) == watched
