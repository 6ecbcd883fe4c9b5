"""A category head that `packsight train category-head` fitted, as a file: JSON.

It predicts the categories that it was fitted to where a gallery has no labels of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.category_head import CategoryHead, read_head
from engine.errors import ConfigError, WeightsError
from engine.user_folders import expanded
from stages.options import in_words

# Raised when a reader of the former would misread the file.
VERSION = 1
SUFFIX = ".json"
_AGAIN = "Fit it again with: packsight train category-head"


@dataclass(frozen=True, eq=False)
class HeadFile:
    """``embedding``: fingerprint of the stages whose vectors it was fitted to, and ``embedded_by``
    their settings, a table a section. ``figures``: values measured while it was fitted."""

    head: CategoryHead
    embedding: str
    embedded_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """sha256 of all that changes a prediction; ``figures`` do not."""
        return sha256(f"{VERSION}|{self.head.text()}".encode()).hexdigest()

    def text(self) -> str:
        """JSON that ``read_head_file`` reads; the same head gives the same bytes."""
        content = {
            "version": VERSION,
            "embedding": self.embedding,
            "embedded_by": self.embedded_by,
            "figures": self.figures,
            "head": json.loads(self.head.text()),
        }
        return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1) + "\n"

    def fits(self, served: frozenset[str]) -> bool:
        """Whether it was fitted to the vectors of one of these fingerprints."""
        return self.embedding in served

    def require(self, served: frozenset[str], path: Path) -> None:
        """ConfigError where vectors are made by other stages than those it was fitted to."""
        if not self.fits(served):
            raise ConfigError(
                f"{path}: was fitted to vectors that other stages made: "
                f"{in_words(self.embedded_by) or self.embedding}.",
                remedy="Use those settings, or fit one to these with: "
                "packsight train category-head",
            )


def head_path(reference: str) -> Path:
    """The file that a reference means: a path, or the name of one that comes with the package."""
    own = expanded(reference)
    shipped = _shipped_folder() / f"{reference}{SUFFIX}"
    named = own.name == reference and not own.exists() and shipped.is_file()
    return shipped if named else own


def is_shipped(path: Path) -> bool:
    return path.parent == _shipped_folder()


def _shipped_folder() -> Path:
    return Path(str(files("weights"))) / "compact"


def read_head_file(path: Path) -> HeadFile:
    """Raises WeightsError for a file that is absent, damaged, or of another version."""
    try:
        content = json.loads(path.read_text("utf-8"))
        version = content.pop("version")
        head = read_head(json.dumps(content.pop("head")))
        found = HeadFile(head, **content)
    except FileNotFoundError:
        raise WeightsError(
            f"{path}: there is no such category head.",
            remedy=f"{_AGAIN}; if it came with Packsight, install Packsight again.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        again = "Install Packsight again." if is_shipped(path) else _AGAIN
        raise WeightsError(f"{path}: is no category head ({error}).", remedy=again) from error
    if version != VERSION:
        raise WeightsError(
            f"{path}: version {version}, this Packsight reads version {VERSION}.", remedy=_AGAIN
        )
    return found
