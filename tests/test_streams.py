"""Standard streams that are closed, full or without a reader; names with control characters."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.names import without_controls
from packsight.commands import _terminal
from packsight.commands._terminal import bar
from tests.drawn_catalogue import QUICK_FLAGS, package, save
from tests.packsight_command import ENTRY, ROOT, Command, command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is of Linux")

HOSTILE = "jar\x1b[31m\n\u009b2J\u202e"
SHOWN = "jar\\u001b[31m\\n\\u009b2J\\u202e"


def shell(redirected: str, *arguments: str | Path) -> tuple[int, str]:
    """The exit code and standard error of `packsight … REDIRECTED` as a shell starts it."""
    run = f'"$@" {redirected}'
    done = subprocess.run(
        ["bash", "-c", run, "bash", sys.executable, "-c", ENTRY, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("redirected", "why"),
    [(">&-", "Bad file descriptor"), ("> /dev/full", "No space"), (">&- <&-", "Bad file")],
)
def test_output_that_cannot_be_written_is_one_line_and_a_failure(redirected: str, why: str) -> None:
    code, err = shell(redirected, "query", "--help")
    (line,) = err.splitlines()
    assert code == 1
    assert line.startswith("packsight: standard output cannot be written") and why in line


def test_the_exit_code_stands_where_nothing_can_be_written() -> None:
    assert shell("2> /dev/full", "qeury") == (2, "")
    assert shell("2>&-", "--version") == (0, "")
    assert shell(">&- 2>&- <&-", "--version") == (1, "")


@pytest.mark.slow
def test_a_photo_from_standard_input_that_is_closed_is_one_line(tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "a.png", package("jar", 1))
    gallery = tmp_path / "g"
    code, _ = shell(">&-", "ingest", tmp_path / "c", "--gallery", gallery, *QUICK_FLAGS)
    assert code == 1  # the report is lost, and the gallery is whole
    code, err = shell("<&-", "query", "-", "--gallery", gallery)
    (line,) = err.splitlines()
    assert code == 1 and "Bad file descriptor" in line
    assert shell("", "gallery", "check", gallery) == (0, "")


def test_control_characters_are_shown_as_escapes_of_json() -> None:
    assert without_controls(HOSTILE) == SHOWN
    assert without_controls("a\tb\n\x7f", keep="\n") == "a\\tb\n\\u007f"
    for plain in ("Tübe 香水 👜 100\u00a0ml", ""):
        assert without_controls(plain) == plain
    text = json.dumps({"name": HOSTILE}, ensure_ascii=False)
    assert json.loads(without_controls(text)) == {"name": HOSTILE}


def test_a_terminal_gets_no_control_characters_of_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    packsight = Command(capsys)
    photo = save(tmp_path / "c" / HOSTILE / "a.png", package("jar", 1))
    (tmp_path / "c" / HOSTILE / "b.png").write_bytes(b"no image")
    gallery = tmp_path / "g"
    for done in (
        packsight.ingest(tmp_path / "c", gallery),
        packsight("query", photo, "--gallery", gallery),
        packsight("gallery", "info", gallery),
        packsight("query", photo.with_name("b.png"), "--gallery", gallery),
        packsight("query", photo, "--gallery", gallery, "--category", HOSTILE + "x"),
    ):
        assert SHOWN in done.out + done.err
        assert without_controls(done.out + done.err, keep="\n") == done.out + done.err
    exported = command("gallery", "export", gallery).out  # its streams escape C1, json does not
    assert "\u009b" not in exported and json.loads(exported)["category"] == HOSTILE


def test_progress_is_a_line_from_time_to_time_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("engine.timings.time.monotonic", lambda: now)
    with bar("describing", show=True) as progress:
        for done in range(1, 101):
            now += 1.0
            progress(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 100 // _terminal.LOGGED
    assert lines[0] == f"describing: {_terminal.LOGGED:.0f} of 100"
    with bar("describing", show=False) as progress:
        now += 1000.0
        progress(1, 100)
    assert capsys.readouterr().err == ""
