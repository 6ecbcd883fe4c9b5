"""A learned rerank as a file: JSON, numbers in full, so that what is read is what was fitted.

The same model and facts give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat, ValidationError

from engine.errors import WeightsError
from weights.reranker_models import Scorer, Value

# Raised when a reader of the former would misread the file.
VERSION = 1
SUFFIX = ".json"
AGAIN = "Train it again with: packsight train reranker"


class Quality(Value):
    """Means over queries: R@1, MRR and mAP by picture."""

    recall: FiniteFloat
    reciprocal: FiniteFloat
    precision: FiniteFloat


class Validation(Value):
    """How the queries of one protocol (ALL: of all of them) were answered without and with the
    rerank; ``gain``: the mean rise of the MRR and the ends of its paired 95 % interval."""

    pool: str
    queries: int
    before: Quality
    after: Quality
    gain: tuple[FiniteFloat, FiniteFloat, FiniteFloat]


ALL = "all"


class RerankerArtefact(Value):
    """``share``: how far the learned order is trusted; 0 where validation showed no gain, and
    then the order of retrieval stands. ``described``: fingerprint of the describing parts whose
    pairs it learned from, ``described_by`` their settings, a table a section, and ``metric`` what
    the search compared vectors by; empty where nobody knows. ``recipe``: how it was fitted, in
    words. ``validation``: by fits that saw nothing of a query's products, for the model and the
    share that were chosen (at share 0 for the best that was tried); ``nested``: the same where
    the choice, which may be none, saw nothing of them either.
    """

    scorer: Scorer
    measures: int = 1  # version of what its features measure
    share: float = Field(ge=0, le=1)
    top_n: int = Field(ge=1)
    described: str = ""
    described_by: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    metric: str = ""
    trained_on: str = ""
    seed: int = 0
    recipe: str = ""
    validation: tuple[Validation, ...] = ()
    nested: tuple[Validation, ...] = ()

    @property
    def identity(self) -> str:
        """sha256 of what changes an order; figures and words do not."""
        told = {
            "version": VERSION,
            **self.model_dump(include={"scorer", "measures", "share", "top_n"}),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """OSError where the file cannot be written."""
        told = {"version": VERSION, **self.model_dump(mode="json")}
        text = json.dumps(told, sort_keys=True, ensure_ascii=False, indent=1)
        path.write_text(text + "\n", "utf-8")


def reranker_path(reference: str) -> Path:
    """The file that a reference means: a path, or the name of one that comes with the package."""
    own = Path(reference).expanduser()
    shipped = Path(str(files("weights"))) / "compact" / f"{reference}{SUFFIX}"
    named = own.name == reference and not own.exists() and shipped.is_file()
    return shipped if named else own


def read_reranker(path: Path) -> RerankerArtefact:
    """Raises WeightsError for a file that is absent, damaged, or of another version."""
    try:
        told = json.loads(path.read_text("utf-8"))
        version = told.pop("version")
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file.", remedy=AGAIN) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path}: not a learned rerank ({error}).", remedy=AGAIN) from error
    if version != VERSION:
        said = f"{path}: version {version!r}, this Packsight reads version {VERSION}."
        raise WeightsError(said, remedy=AGAIN)
    try:
        return RerankerArtefact.model_validate(told)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise WeightsError(f"{path}: damaged: {where}: {fault['msg']}.", remedy=AGAIN) from None
