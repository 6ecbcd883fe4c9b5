"""Networks that OpenVINO compiled once are found by the next process, and damage is no harm."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.files import replacing
from stages._compiled import CompiledNetworks
from stages._session import OnnxSession
from tests.stages.made_models import model

CONTENT = model("Relu", shape=("n", 3))
SHA = "a" * 64


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompiledNetworks:
    monkeypatch.setenv("PACKSIGHT_RUNTIMES_DIR", str(tmp_path / "runtimes"))
    return CompiledNetworks(tmp_path / "runtimes")


def opened(path: Path, sha256: str | None = SHA, threads: int = 1) -> OnnxSession:
    pytest.importorskip("openvino")
    return OnnxSession(path, threads=threads, content=CONTENT, sha256=sha256, backend="openvino")


def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every network that is compiled from here on."""
    pytest.importorskip("openvino")
    from stages import _openvino

    seen, compile_it = [], _openvino._compiled

    def counting(source: Path | bytes, threads: int) -> object:
        seen.append(threads)
        return compile_it(source, threads)

    monkeypatch.setattr(_openvino, "_compiled", counting)
    return seen


def test_a_network_is_compiled_once_for_each_content_and_number_of_threads(
    kept: CompiledNetworks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = compiled(monkeypatch)
    batch = np.array([[-1, 0, 2]], np.float32)
    for _ in range(2):
        session = opened(tmp_path / "model")
        assert session.run(batch).tolist() == [[0, 0, 2]]
        assert session.output_names == ("y",) and not isinstance(session.input_shape[0], int)
    assert seen == [1] and kept.count()[0] == 1
    opened(tmp_path / "model", sha256="b" * 64)
    opened(tmp_path / "model", threads=2)
    assert seen == [1, 1, 2] and kept.count()[0] == 3
    kept.clear()
    assert kept.count() == (0, 0)


def test_what_has_no_checksum_is_not_kept(kept: CompiledNetworks, tmp_path: Path) -> None:
    opened(tmp_path / "model", sha256=None)
    assert kept.count() == (0, 0)


@pytest.mark.parametrize("damage", ["cut", "empty", "another's"])
def test_a_damaged_file_is_compiled_anew_and_mended(
    kept: CompiledNetworks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    opened(tmp_path / "model")
    (path,) = kept.folder.iterdir()
    whole = path.read_bytes()
    if damage == "another's":
        CompiledNetworks(tmp_path / "other").put(b"no network", "key")
        path.write_bytes(next((tmp_path / "other").iterdir()).read_bytes())
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    seen = compiled(monkeypatch)
    found = opened(tmp_path / "model").run(np.array([[-1, 0, 2]], np.float32))
    assert found.tolist() == [[0, 0, 2]] and seen == [1]
    opened(tmp_path / "model")
    assert seen == [1]


def test_a_folder_that_cannot_be_used_is_no_harm(
    kept: CompiledNetworks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept.folder.write_text("a file")
    with caplog.at_level(logging.WARNING):
        opened(tmp_path / "model")
    assert str(kept.folder) in caplog.text


def test_what_was_read_last_stays_within_the_limit(tmp_path: Path) -> None:
    kept = CompiledNetworks(tmp_path / "runtimes", limit=3000)
    for at, name in enumerate("abc"):
        kept.put(bytes(900), name)
        os.utime(kept._path((name,)), (at, at))
    first = kept.read("a")  # now the youngest
    assert first is not None and first.tobytes() == bytes(900)
    kept.put(bytes(901), "d")
    assert kept.read("b") is None
    assert [name for name in "acd" if kept.read(name) is not None] == ["a", "c", "d"]
    kept.put(bytes(5000), "e")
    assert kept.read("e") is None and kept.count()[0] == 3


def test_what_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    kept = CompiledNetworks(tmp_path / "runtimes", limit=3000)
    kept.put(bytes(900), "a")
    with replacing(kept._path(("b",))) as part:
        part.write_bytes(bytes(2900))
        kept.put(bytes(901), "c")
        assert part.exists() and kept.count()[0] == 2


def test_writers_at_once_leave_whole_files_within_the_limit(tmp_path: Path) -> None:
    kept = CompiledNetworks(tmp_path / "runtimes", limit=2_500_000)

    def work(seed: int) -> bool:
        name = "abc"[seed % 3]
        kept.put(bytes([seed % 3]) * 1_000_000, name)
        found = kept.read(name)
        return found is None or found.tobytes() == bytes([seed % 3]) * 1_000_000

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(24)))
    assert kept.count()[1] <= 2_500_000
    assert not list(kept.folder.glob("*.part*"))
