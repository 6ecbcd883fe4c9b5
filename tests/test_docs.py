"""What the documents promise: links that lead somewhere, and commands that the parsers know."""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import packsight
from packsight.cli import COMMANDS, main, module_of

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("benchmarks/*.md")])
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
FENCED = re.compile(r"^ {0,3}```.*?^ {0,3}```", re.M | re.S)
MARKS = re.compile(r"`[^`\n]*`")
WORD = r"packsight(?![\w\[/-])[^\n`]*"


def _pages() -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]


def _anchors(page: Path) -> set[str]:
    """As the usual renderers name headings: lower case, no punctuation, dashes for spaces."""
    titles = re.findall(r"^#+ +(.+?) *$", FENCED.sub("", page.read_text("utf-8")), re.M)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()) for title in titles]
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", _pages())
def test_every_link_and_image_is_there(page: Path) -> None:
    text = MARKS.sub("", FENCED.sub("", page.read_text("utf-8")))
    for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", text):
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = unquote(target).partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target} leads nowhere"
        assert found.is_relative_to(ROOT), f"{page.name}: {target} leads out of the project"
        if anchor and found.suffix == ".md":
            assert anchor in _anchors(found), f"{page.name}: {target}: no such heading"


def _blocks(text: str) -> list[str]:
    """Commands of fenced and indented blocks, continued lines joined."""
    fenced = "\n".join(FENCED.findall(text))
    indented = "\n".join(re.findall(r"^ {4,}.*$", FENCED.sub("", text), re.M))
    joined = re.sub(r"\\\n\s*", " ", f"{fenced}\n{indented}")
    return re.findall(rf"^\s*(?:\$ )?(?:\S*/)?({WORD})", joined, re.M)


def _arguments(command: str) -> list[str]:
    """Without the comment behind it; what stands in brackets may be left out, and of ways that
    are parted by a stroke the first is tried."""
    words = shlex.split(re.sub(r"\[[^\]]*\]", "", command), comments=True)[1:]
    if "|" in words:
        words = words[: words.index("|")]
    return words


def _parsed(arguments: list[str]) -> argparse.Namespace:
    assert arguments[0] in COMMANDS
    module = module_of(arguments[0])
    parser = argparse.ArgumentParser(exit_on_error=True)
    module.add_arguments(parser)
    return parser.parse_args(arguments[1:])


@pytest.mark.parametrize("page", _pages())
def test_every_command_is_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in _blocks(page.read_text("utf-8")):
        try:
            _parsed(_arguments(command))
        except (SystemExit, AssertionError, ValueError):
            error = capsys.readouterr().err.strip().splitlines()[-1:]
            pytest.fail(f"{page.name}: {command.strip()}: {' '.join(error)}")


def _flags_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The help of the longest beginning that is a command."""
    for end in range(min(len(words), 2), 0, -1):
        with pytest.raises(SystemExit) as ended:
            code = main([*words[:end], "--help"])
            raise SystemExit(code)
        shown = capsys.readouterr().out
        if ended.value.code == 0:
            return shown
    return ""


@pytest.mark.parametrize("page", _pages())
def test_every_command_in_a_sentence_is_there(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence may leave out what is required, but names commands and flags that there are."""
    text = FENCED.sub("", page.read_text("utf-8")).replace("\n", " ")
    for command in re.findall(rf"`({WORD})`", text):
        words = [word for word in command.split()[1:] if not word.startswith("…")]
        if not words or words[0].isupper() or words[0].startswith("-"):
            continue
        shown = _flags_of(words, capsys)
        assert shown, f"{page.name}: `{command}` is no command"
        named = [word.partition("=")[0] for word in words if word.startswith("--")]
        assert all(flag in shown for flag in named), f"{page.name}: `{command}`: {named}"


API = (ROOT / "docs" / "api.md").read_text("utf-8")


def _examples() -> dict[str, str]:
    """The example under each heading of a name, in the order of the page."""
    found = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", API, re.M | re.S)
    return {name: "\n".join(re.findall(r"```python\n(.*?)```", text, re.S)) for name, text in found}


def test_the_api_page_has_one_example_of_every_name() -> None:
    examples = _examples()
    assert set(examples) == set(packsight.__all__)
    assert API.count("\n### ") == len(examples)
    for name, example in examples.items():
        assert name in example, name


@pytest.mark.slow
def test_the_examples_of_the_api_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = {}
    for name, example in _examples().items():
        exec(compile(example, f"docs/api.md, {name}", "exec"), names)
        shown[name] = capsys.readouterr().out
    assert names["report"].added == 270
    assert len(names["results"].hits) == 1 and len(names["jars"].hits) > 1
    rare = {"StageError", "DisconnectedError"}
    raised = {name for name in shown if name.endswith("Error")} - rare
    assert all(shown[name].strip() for name in raised), "an example of an error raises it"


@pytest.mark.parametrize("page", _pages())
def test_python_in_the_documents_imports_packsight_alone(page: Path) -> None:
    inner = "engine|stages|weights|offline|online"
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S):
        assert not re.search(rf"^\s*(from|import) ({inner})\b", block, re.M), page.name


PACKAGES = "packsight|engine|stages|weights|offline|online"
PATH = re.compile(rf"`((?:{PACKAGES}|tests|docs|benchmarks)/[\w./-]*)`( \(to write\))?")
DOTTED = re.compile(rf"`((?:{PACKAGES})(?:\.\w+)+)`")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


@pytest.mark.parametrize("page", _pages())
def test_every_path_is_there(page: Path) -> None:
    """NAME stands for a file or folder to add; what is "to write" is not there yet."""
    for path, to_write in PATH.findall(page.read_text("utf-8")):
        known = ROOT / path.partition("NAME")[0]
        assert known.exists() != bool(to_write), f"{page.name}: {path}{to_write}"


@pytest.mark.parametrize("page", _pages())
def test_every_dotted_name_is_there(page: Path) -> None:
    """A module, or a name within one."""
    for name in DOTTED.findall(page.read_text("utf-8")):
        place, *rest = ROOT.joinpath(*name.split(".")), ""
        while not (place.is_dir() or place.with_suffix(".py").is_file()):
            place, rest = place.parent, [place.name, *rest]
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        held = file.read_text("utf-8") if file.is_file() else ""
        assert place != ROOT, f"{page.name}: {name}"
        assert all(re.search(rf"\b{part}\b", held) for part in rest if part), f"{page.name}: {name}"


def _rows_of_changes() -> list[Any]:
    """(what to change, cell of files, cell of names) of the table "to change X, open Y"."""
    table = ARCHITECTURE.partition("| to change |")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [pytest.param(row[1], row[2], id=row[0]) for row in rows]


@pytest.mark.parametrize(("files", "names"), _rows_of_changes())
def test_the_files_to_open_hold_the_names_to_look_for(files: str, names: str) -> None:
    texts = [_text(path) for path, to_write in PATH.findall(files) if not to_write]
    assert texts
    for name in re.findall(r"`([^`]+)`", names):
        assert any(name in text for text in texts), name


def _text(path: str) -> str:
    """Of a file, or of those beside one that is to be added, ``NAME``."""
    known, placeholder, inside = path.partition("NAME")
    beside = ROOT.glob(f"{known}*{inside}") if placeholder else [ROOT / path]
    return "\n".join(file.read_text("utf-8") for file in beside)


def test_the_architecture_has_every_room() -> None:
    rooms = [*PACKAGES.split("|"), *(f"offline/{room.name}" for room in _folders("offline"))]
    assert all(f"| `{room}/` |" in ARCHITECTURE for room in rooms)


def test_the_architecture_has_the_layers_of_the_linter() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (rooms,) = [one for one in contracts["contracts"] if one.get("containers") == ["offline"]]
    assert " > ".join(rooms["layers"]) in ARCHITECTURE


def _folders(package: str) -> list[Path]:
    return sorted(path.parent for path in (ROOT / package).glob("*/__init__.py"))
