"""Files that lie where weights should be: pages of web servers, and pointers to the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import WeightsError

HEAD = 1024  # bytes of a file that show what it is


@dataclass(frozen=True)
class Mistake:
    """What a file is instead of weights, and how to get the weights."""

    kind: str
    remedy: str

    def error(self, path: Path) -> WeightsError:
        return WeightsError(f"{path}: is {self.kind}, not weights.", remedy=self.remedy)


_SENT = "A web server sent it instead of the file: download the file itself."
_MISTAKES = (
    (
        re.compile(rb"version https://git-lfs\.github\.com/spec/"),
        Mistake("a Git LFS pointer", "Fetch what it stands for with: git lfs pull"),
    ),
    (
        re.compile(rb"[./\w]*/annex/objects/"),
        Mistake("a git-annex pointer", "Fetch what it stands for with: git annex get"),
    ),
    (
        re.compile(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+)?html[\s>]", re.I | re.S),
        Mistake("an HTML page", _SENT),
    ),
    (re.compile(rb"<\?xml\s"), Mistake("an XML page", _SENT)),
)


def mistake_in(head: bytes) -> Mistake | None:
    """What a file that begins so is instead of weights; None where it may be weights."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((mistake for pattern, mistake in _MISTAKES if pattern.match(text)), None)


def mistaken_for(path: Path) -> Mistake | None:
    """As ``mistake_in`` of a file; None also where it cannot be read."""
    try:
        with path.open("rb") as file:
            return mistake_in(file.read(HEAD))
    except OSError:
        return None


def require_no_mistake(path: Path) -> None:
    """Raises WeightsError for a file that is something else, and names what."""
    mistake = mistaken_for(path)
    if mistake is not None:
        raise mistake.error(path)
