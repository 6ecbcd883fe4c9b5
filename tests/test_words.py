"""The words of docs/glossary.md: home-made ones stay out of docstrings, comments, help, errors and
documents. Identifiers, keys and code in backticks are not prose."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SENTENCE = 4  # words from which on a string is prose
ROOMS = ("benchmarks", "engine", "offline", "online", "packsight", "stages", "tests", "weights")
# The glossary lists the words itself.
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"}
    - {ROOT / "docs" / "glossary.md"}
)
# The word to write -> what is written instead of it.
WORDS = {
    "backbone": r"\btrunks?\b",
    "image": r"\bpictures?\b",
    "fraction": r"\bshares? of\b",
    "background": r"\bgrounds?\b(?![ -]truth)",
    "reranking, reranker": r"\b(?:a|the|no|any|each|every|before|after|without|plain) rerank\b"
    r"|\b(?:other|all|both|the|two|of) reranks\b",
    "correct, incorrect, relevant": r"\b(?:right|wrong) (?:answers?|products?|images?|labels?|ones?"
    r"|categor(?:y|ies)|famil(?:y|ies)|hits?|masks?|predictions?|matches)\b"
    r"|\banswered (?:right|wrong)\b|\bright or wrong\b",
    "metric, value": r"\bfigures?\b(?! \d)",
    "metric": r"\b(?:a|the|other|these|which|each|every|own) measures?\b",
    "contour": r"\boutlines?\b",
    "trust, reliable": r"\b(?:believe[sd]?|beliefs?)\b",
    "callback": r"\blisteners?\b|\bis told\b|\bwho is asked\b",
    "the passive": r"\b(?:nobody|somebody|whoever)\b",
    "is, means, has, gives": r"\b(?:says|said)\b",
    "searches, needs, requests": r"\b(?:asks|asked)\b",
}

# Where such a word is the field's own, and why.
ALLOWED = {
    # The type of a value in a report is called so, as in report.json.
    "metric, value": (
        "offline/report",
        "offline/evaluate",
        "tests/offline/report",
        "tests/offline/evaluate",
        "docs/reports.md",
    ),
    # A drawn curve, from which a shape is made.
    "contour": (
        "offline/datasets",
        "tests/offline/datasets",
        "tests/offline/evaluate/reranking/shaped_task.py",
    ),
}
PHRASES = (
    "Automatic Linguistic Indexing of Pictures",  # Li, Wang, PAMI 2003
    "on the ground",  # what a rendered product stands on
    "right category alone (perfect routing)",  # names in reports, by which they are compared
)


class Prose(NamedTuple):
    line: int
    text: str


def prose_of_python(source: str, *, strings: bool = True) -> Iterator[Prose]:
    """Comments, docstrings, help and descriptions of flags, messages and remedies of errors, and
    every other string of four words and more. Of tests the comments and docstrings alone."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Prose(token.start[0], token.string)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield Prose(_first_line(node), ast.get_docstring(node, clean=False) or "")
        elif strings and isinstance(node, ast.Constant) and isinstance(node.value, str):
            if len(node.value.split()) >= SENTENCE:
                yield Prose(node.lineno, node.value)
        elif strings and isinstance(node, ast.Call):
            for argument in _shown(node):
                yield Prose(argument.lineno, _text(argument))


def _first_line(node: ast.AST) -> int:
    body = getattr(node, "body", None)
    return body[0].lineno if body else 1


def _shown(call: ast.Call) -> Iterator[ast.expr]:
    """Arguments that a user reads."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    yield from (k.value for k in call.keywords if k.arg in ("help", "remedy", "description"))
    if name.endswith("Error") or name == "flag":
        yield from call.args[:1]


def _text(node: ast.expr) -> str:
    """The constant parts of a string; values of an f-string are left out."""
    parts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    return "".join(part for part in parts if isinstance(part, str))


def prose_of_markdown(text: str) -> Iterator[Prose]:
    without = re.sub(r"^ {0,3}```.*?^ {0,3}```", _blank, text, flags=re.M | re.S)
    without = re.sub(r"\]\([^)]*\)", _blank, without)
    yield Prose(1, without)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def home_made(path: Path) -> Iterator[str]:
    """A line for each home-made word in a file's prose, with the word to write."""
    name = str(path.relative_to(ROOT))
    text = path.read_text("utf-8")
    words = {word: pattern for word, pattern in WORDS.items() if not _allowed(word, name)}
    proses = (
        prose_of_markdown(text)
        if path.suffix == ".md"
        else prose_of_python(text, strings=not name.startswith("tests/"))
    )
    for line, prose in proses:
        plain = re.sub(r"(`+)[^`]*\1|" + "|".join(map(re.escape, PHRASES)), _blank, prose)
        for word, pattern in words.items():
            for match in re.finditer(pattern.replace(" ", r"\s+"), plain, re.IGNORECASE):
                at = line + plain[: match.start()].count("\n")
                yield f"{name}:{at}: {' '.join(match[0].split())!r}: write {word}"


def _allowed(word: str, name: str) -> bool:
    return any(name.startswith(place) for place in ALLOWED.get(word, ()))


@pytest.mark.parametrize("room", ROOMS)
def test_prose_is_in_the_words_of_the_glossary(room: str) -> None:
    sources = sorted((ROOT / room).rglob("*.py"))
    found = sorted({line for path in sources for line in home_made(path)})
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", [str(page.relative_to(ROOT)) for page in DOCUMENTS])
def test_documents_are_in_the_words_of_the_glossary(page: str) -> None:
    found = list(home_made(ROOT / page))
    assert not found, "\n".join(found)


def test_code_keys_and_quoted_names_are_no_prose() -> None:
    source = '''
"""A ``picture`` of `the trunk`."""
pictures = {"pictures": 1}  # a comment
flag("a share of it", "--share")
raise ConfigError(f"{picture.id}: the wrong answer.", remedy="Nobody knows.")
'''
    words = [" ".join(text.split()) for _, text in prose_of_python(source)]
    assert words[0] == "# a comment"
    assert {"a share of it", ": the wrong answer.", "Nobody knows."} <= set(words)
    assert not any("pictures" in text for text in words)
