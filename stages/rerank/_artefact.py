"""The file of a learned reranker: JSON, numbers in full, so that what is read is what was fitted.

Boosted trees are an ONNX file of the same name beside it. The same model and facts give the same
bytes.
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
from engine.user_folders import expanded
from stages.rerank._scorer import Scorer
from stages.rerank._trees import Boosting, Table, Trees
from weights.mistaken import require_no_mistake

# Raised when a reader of the former would misread the file. Version 1 holds trees as JSON; a file
# without trees is of version 1 still.
VERSION = 2
SUFFIX = ".json"
GRAPH = ".onnx"
AGAIN = "Train it again with: packsight train reranker"


class Quality(Table):
    """Means over queries: R@1, MRR and mAP by image."""

    recall: FiniteFloat
    reciprocal: FiniteFloat
    precision: FiniteFloat


class Validation(Table):
    """The queries of one protocol (ALL: of all of them) without and with the reranker; ``gain``:
    the mean rise of the MRR and the ends of its paired 95 % interval."""

    pool: str
    queries: int
    before: Quality
    after: Quality
    gain: tuple[FiniteFloat, FiniteFloat, FiniteFloat]


ALL = "all"


class RerankerArtefact(Table):
    """``share``: the fraction of the value that is learned; 0 where validation showed no gain, and
    then the order of retrieval stands. ``described``: fingerprint of the describing parts whose
    pairs it learned from, ``described_by`` their settings, a table a section, and ``metric`` what
    the search compared vectors by; empty where not known. ``recipe``: how it was fitted, in
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
    def version(self) -> int:
        return VERSION if isinstance(self.scorer.model, Trees) else 1

    @property
    def identity(self) -> str:
        """sha256 of what changes an order; measured values and words do not."""
        content = {
            "version": self.version,
            **self.model_dump(include={"scorer", "measures", "share", "top_n"}),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """The JSON; OSError where it cannot be written. See ``write_graph`` for the trees."""
        content = {"version": self.version, **self.model_dump(mode="json")}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1)
        path.write_text(text + "\n", "utf-8")

    def write_graph(self, path: Path) -> None:
        """The trees, to ``graph_path`` of the JSON; nothing for a linear model."""
        if isinstance(self.scorer.model, Trees):
            path.write_bytes(self.scorer.model.graph)


def reranker_path(reference: str) -> Path:
    """The file that a reference means: a path, or the name of one that comes with the package."""
    own = expanded(reference)
    shipped = Path(str(files("weights"))) / "compact" / f"{reference}{SUFFIX}"
    named = own.name == reference and not own.exists() and shipped.is_file()
    return shipped if named else own


def graph_path(path: Path) -> Path:
    """The ONNX file beside the JSON of a reranker."""
    return path.with_suffix(GRAPH)


def read_reranker(path: Path) -> RerankerArtefact:
    """Raises WeightsError for a file that is absent, damaged, or of another version."""
    try:
        content = json.loads(path.read_text("utf-8"))
        version = content.pop("version")
        boosted = content["scorer"]["model"]["kind"] == "boosting"
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file.", remedy=AGAIN) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        require_no_mistake(path)
        raise WeightsError(f"{path}: not a learned reranker ({error}).", remedy=AGAIN) from error
    if version not in (1, VERSION):
        raise WeightsError(
            f"{path}: version {version!r}, this Packsight reads versions 1 to {VERSION}.",
            remedy=AGAIN,
        )
    try:
        if boosted:
            content["scorer"]["model"] = _trees(content["scorer"], version, path)
        return RerankerArtefact.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise WeightsError(f"{path}: damaged: {where}: {fault['msg']}.", remedy=AGAIN) from None
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: damaged: {error}.", remedy=AGAIN) from None


def _trees(scorer: Mapping[str, Any], version: int, path: Path) -> object:
    """What the file at ``path`` has as the model of its scorer, with the graph."""
    model = scorer["model"]
    if version != 1:
        return {**model, "graph": _graph(path, model["sha256"])}
    try:
        return Boosting.model_validate(model).compiled(len(scorer["means"]))
    except WeightsError as error:
        raise WeightsError(
            f"{path}: holds trees as an earlier version wrote them; reading these needs onnx.",
            remedy=f"{error.remedy}. {AGAIN} writes a file that needs none.",
        ) from error


def _graph(path: Path, sha256: object) -> bytes:
    """The trees of the reranker at ``path``."""
    beside = graph_path(path)
    try:
        content = beside.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{beside}: the trees of {path} cannot be read ({error.strerror}).",
            remedy=f"Copy it beside {path.name}, or train again: packsight train reranker",
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(
            f"{beside}: damaged, or the trees of another reranker than {path}.", remedy=AGAIN
        )
    return content
