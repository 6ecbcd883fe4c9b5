"""The `packsight` command itself: its names, its help, its speed, its output."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import __version__
from packsight.cli import COMMANDS, main, module_of
from tests.packsight_command import ENTRY, ROOT

HEAVY = {"numpy", "cv2", "PIL", "onnxruntime", "faiss", "pydantic", "rich", "jinja2", "sqlite3"}


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and summary in shown for name, summary in COMMANDS.items())


def test_nothing_and_nonsense_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: packsight COMMAND" in capsys.readouterr().err
    assert main(["qeury", "a.jpg"]) == 2
    error = capsys.readouterr().err
    assert "'qeury'" in error and all(name in error for name in COMMANDS)


@pytest.mark.parametrize(
    ("given", "help_of"),
    [
        (["evaluate", "all", "--data", "x", "--protocoll", "y"], "packsight evaluate all --help"),
        (["gallery", "info", "x", "--alle"], "packsight gallery info --help"),
        (["query", "x.jpg", "--gallery", "g", "--pages"], "packsight query --help"),
        (["query", "x.jpg"], "packsight query --help"),
        (["query", "x.jpg", "--gallery", "g", "-k", "few"], "packsight query --help"),
        (["evaluate", "benchmark"], "packsight evaluate benchmark --help"),
        (["train", "everything"], "packsight train --help"),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_help(
    given: list[str], help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert help_of in line


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"packsight {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name: str) -> None:
    program = (
        "import sys\nfrom packsight.cli import main\n"
        f"try: main(['{name}', '--help'])\n"
        f"except SystemExit as end: print(end.code, sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: packsight {name}")
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["query", "--help"], ["gallery", "info"], ["gallery", "export"]]
)
def test_a_reader_that_goes_away_is_no_error(gallery: Path, arguments: list[str]) -> None:
    given = [*arguments, str(gallery)] if "--help" not in arguments else arguments
    with subprocess.Popen(
        [sys.executable, "-c", ENTRY, *given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser itself and those of all commands below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from _parsers(part)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_has_a_help_text_that_stands_alone(name: str) -> None:
    top = argparse.ArgumentParser(description="One.")
    module_of(name).add_arguments(top)
    for parser in _parsers(top):
        assert parser.description and parser.description.endswith("."), parser.prog
        for action in parser._actions:
            if action.help != argparse.SUPPRESS and not action.choices:
                text = (action.help or "").partition(" (default")[0]
                assert text and not text.endswith(".") and not text.startswith("of "), action.dest
