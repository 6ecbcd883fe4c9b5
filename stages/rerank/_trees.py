"""Boosted regression trees as an ONNX graph, which the runtime of all models evaluates."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.types import Float64Array

if TYPE_CHECKING:
    from stages._session import OnnxSession

_LEAF = -1


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trees(Table):
    """Gradient boosting: a constant + the sum of the leaves that a row falls into (Friedman:
    Greedy Function Approximation, Annals of Statistics 2001, algorithm 5).

    ``graph``: the ONNX file, (N, F) float32 -> (N, 1) float32, kept beside the JSON, which has its
    ``sha256``. ``splits``: one a feature, the fraction of all splits that test it.
    """

    kind: Literal["boosting"] = "boosting"
    sha256: str
    splits: tuple[FiniteFloat, ...]
    graph: bytes = Field(exclude=True, repr=False)

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) standardised -> (N,), the same for a row alone and among others."""
        if not len(rows):
            return np.zeros(0)
        return self._session.run(rows.astype(np.float32))[:, 0].astype(np.float64)

    @cached_property
    def _session(self) -> OnnxSession:
        # Imported here: a linear reranker needs no runtime. One thread: several would add up a
        # row's leaves in another order.
        from stages._session import OnnxSession

        return OnnxSession(Path("boosted trees"), threads=1, content=self.graph)


class Tree(Table):
    """One regression tree as parallel lists, a node each; the first node is the root.

    Of a leaf ``feature`` is -1 and ``value`` counts; else a row goes ``left`` where its feature
    is <= ``threshold``. Children stand behind their parent.
    """

    feature: tuple[int, ...]
    threshold: tuple[FiniteFloat, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        count = len(self.feature)
        sizes = {len(part) for part in (self.threshold, self.left, self.right, self.value)}
        if sizes != {count} or not count:
            raise ValueError("a tree's lists must be of one length and not empty")
        inner = [at for at, feature in enumerate(self.feature) if feature != _LEAF]
        if any(not at < child < count for at in inner for child in (self.left[at], self.right[at])):
            raise ValueError("a tree's children must stand behind their parent")
        return self


class Boosting(Table):
    """Trees as they are fitted, and as files of version 1 hold them. Leaves hold the learning
    rate."""

    kind: Literal["boosting"] = "boosting"
    baseline: FiniteFloat
    trees: tuple[Tree, ...] = Field(min_length=1)

    def compiled(self, width: int) -> Trees:
        """For rows of ``width`` features. Raises WeightsError where onnx is not installed,
        ValueError for trees that test other features."""
        tested = [feature for tree in self.trees for feature in tree.feature if feature != _LEAF]
        if tested and not 0 <= min(tested) <= max(tested) < width:
            raise ValueError(f"the trees are not of {width} features")
        counts = np.bincount(np.array(tested, np.int64), minlength=width)
        graph = self._graph(width)
        return Trees(
            sha256=hashlib.sha256(graph).hexdigest(),
            splits=tuple((counts / max(1, len(tested))).tolist()),
            graph=graph,
        )

    def _graph(self, width: int) -> bytes:
        """https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html, version 1."""
        from weights.frameworks.network import import_framework

        helper, number = import_framework("onnx.helper"), import_framework("onnx").TensorProto.FLOAT
        node = helper.make_node(
            "TreeEnsembleRegressor",
            ["features"],
            ["log_odds"],
            domain="ai.onnx.ml",
            n_targets=1,
            base_values=[self.baseline],
            **self._attributes(),
        )
        graph = helper.make_graph(
            [node],
            "boosted_trees",
            [helper.make_tensor_value_info("features", number, ["N", width])],
            [helper.make_tensor_value_info("log_odds", number, ["N", 1])],
        )
        versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
        # The versions of 2022, which every runtime of pyproject.toml reads.
        model = helper.make_model(
            graph, producer_name="packsight", ir_version=8, opset_imports=versions
        )
        content: bytes = model.SerializeToString()
        return content

    def _attributes(self) -> dict[str, list[Any]]:
        """The operator's lists, a node of any tree each."""
        found: dict[str, list[Any]] = defaultdict(list)
        for number, tree in enumerate(self.trees):
            thresholds = _narrowed(tree.threshold)
            for at, feature in enumerate(tree.feature):
                leaf = feature == _LEAF
                found["nodes_treeids"].append(number)
                found["nodes_nodeids"].append(at)
                found["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
                found["nodes_featureids"].append(0 if leaf else feature)
                found["nodes_values"].append(0.0 if leaf else thresholds[at])
                found["nodes_truenodeids"].append(0 if leaf else tree.left[at])
                found["nodes_falsenodeids"].append(0 if leaf else tree.right[at])
                if leaf:
                    found["target_treeids"].append(number)
                    found["target_nodeids"].append(at)
                    found["target_ids"].append(0)
                    found["target_weights"].append(tree.value[at])
        return found


def _narrowed(thresholds: tuple[float, ...]) -> list[float]:
    """The largest float32 that is not above each: float32 features, as scikit-learn compares them
    too, are then divided as by the float64."""
    wide = np.array(thresholds, np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    below = np.nextafter(narrow, np.float32(-np.inf))
    found: list[float] = np.where(narrow > wide, below, narrow).tolist()
    return found
