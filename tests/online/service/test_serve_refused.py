"""What `packsight serve` cannot run with: refused before it listens, in one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from packsight.cli import main

REFUSED = [
    ("--keys", "none.json"),
    ("--allow-url", "shop.example"),
    ("--allow-origin", "*"),
    ("--root-path", "shop"),
    ("--set", "rerank.nam=none"),
    ("--port", "65536"),
    ("--gallery", "missing=nowhere"),
]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("flags", REFUSED, ids=[flag for flag, _ in REFUSED])
def test_what_it_cannot_run_with_is_refused_before_it_listens(
    flags: tuple[str, str],
    workers: str,
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def listened(*_: object) -> None:
        raise AssertionError("it listens")

    monkeypatch.setattr("packsight.commands.serve._socket", listened)
    given = ["serve", "--gallery", str(gallery), "--port", "0", "--workers", workers, *flags]
    try:
        code = main(given)
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    assert code in (1, 2) and not printed.out
    assert printed.err.count("\n") == 1 and "Traceback" not in printed.err


def test_a_port_that_is_taken_is_named_with_what_to_do(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--gallery", str(gallery), "--port", str(port)]) == 1
    printed = capsys.readouterr()
    assert not printed.out and printed.err.count("\n") == 1
    assert f"127.0.0.1:{port}" in printed.err and "--port" in printed.err
