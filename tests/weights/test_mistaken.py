"""Pages of web servers and pointers that lie where weights should be, wherever they are opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import WeightsError
from stages._session import OnnxSession
from stages.rerank._artefact import read_reranker
from tests.weights.loopback import loopback, make_entry
from weights.array_file import read_arrays
from weights.export import check_checkpoint
from weights.fetch import FetchPolicy, fetch_checkpoint, resolve
from weights.inspection import verify_model
from weights.mistaken import mistake_in

PAGE = b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 176194565\n"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PAGE, "HTML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<html lang="en">', "HTML"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (POINTER, "Git LFS"),
        (b"../../.git/annex/objects/X1/2K/SHA256E-s1--0.onnx/SHA256E-s1--0.onnx", "git-annex"),
        (b"/annex/objects/SHA256E-s1--0.onnx", "git-annex"),
    ],
)
def test_a_mistake_is_known_by_its_beginning(head: bytes, kind: str) -> None:
    mistake = mistake_in(head)
    assert mistake is not None and kind in mistake.kind


@pytest.mark.parametrize(
    "head", [b"", b"\x08\x08\x12\x07pytorch", b"PK\x03\x04", b"{}", b"\x89HDF"]
)
def test_weights_are_no_mistake(head: bytes) -> None:
    assert mistake_in(head) is None


OPENERS: dict[str, Callable[[Path], object]] = {
    "resolve": lambda path: resolve(str(path), FetchPolicy(path.parent / "cache")),
    "session": lambda path: OnnxSession(path, threads=1),
    "arrays": lambda path: read_arrays(path, "codebook", ["words"], 1, "again"),
    "reranker": read_reranker,
    "export": lambda path: check_checkpoint(make_entry("http://127.0.0.1:9/", None), path),
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(("content", "kind"), [(PAGE, "HTML page"), (POINTER, "Git LFS pointer")])
def test_a_mistake_is_named_wherever_weights_are_opened(
    tmp_path: Path, opener: str, content: bytes, kind: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"model\.onnx: is an? {kind}"):
        OPENERS[opener](path)


def test_a_page_in_the_cache_is_damaged_and_fetched_anew(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(PAGE)
    assert verify_model(path).state == "damaged"
    with loopback(b"pretend that this is a model") as server:
        entry = make_entry(server.url, None)
        with pytest.raises(WeightsError, match="HTML page"):
            fetch_checkpoint(entry, FetchPolicy(tmp_path))
        fetch_checkpoint(entry, FetchPolicy(tmp_path), replace_damaged=True)
    assert path.read_bytes() == b"pretend that this is a model"


def test_a_page_that_a_server_sends_for_weights_is_not_kept(tmp_path: Path) -> None:
    with loopback(PAGE) as server, pytest.raises(WeightsError, match="sent an HTML page"):
        fetch_checkpoint(make_entry(server.url, None), FetchPolicy(tmp_path))
    assert not list(tmp_path.glob("model.onnx*[!k]"))
