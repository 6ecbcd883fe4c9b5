"""Features of pairs of a query and a candidate: one row a candidate, for the learned reranker.

A column is a similarity of the two in one respect, or how far it can be trusted. Columns of shape
are 0 where either mask raises a flag of ``MatteQuality``, and ``comparable`` tells the model so.
Columns that compare with the rest of the list read it as a set, so that the order in which hits
come in changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.contours import ious
from engine.types import BoolArray, Description, Float64Array, FloatArray, Hit
from stages.rerank._descriptor_cache import DescriptorCache, ShapeDescriptors
from stages.shape.descriptor import shape_similarities
from stages.shape.fourier import fourier_similarities
from stages.shape.proportions import profile_similarities, ratio_similarities

# Raised when a column of the same name gets other values: models that learned from the former ones
# are then refused.
VERSION = 1

# The columns by subject, as explanations name them; every column belongs to one.
CONCEPTS: Mapping[str, tuple[str, ...]] = {
    "similarity of the images": ("score", "behind", "standing", "place"),
    "category": ("category",),
    "overlap of the contours": (
        "overlap",
        "overlap_trusted",
        "overlap_agreed",
        "overlap_behind",
        "frame",
    ),
    "shape": ("shape", "shape_trusted", "shape_agreed", "shape_behind"),
    "course of the contour": ("fourier", "fourier_trusted", "fourier_behind"),
    "width from top to bottom": ("width", "width_trusted", "width_behind"),
    "proportions": ("area", "aspect"),
    "trust in the masks": (
        "comparable",
        "fit",
        "query_trust",
        "hit_trust",
        "query_unjudged",
        "hit_unjudged",
        "query_flagged",
        "hit_flagged",
    ),
}
NAMES = tuple(name for names in CONCEPTS.values() for name in names)
# Columns of shape that contours alone decide, before trust and the rest of the list come in.
CONTOURS = ("shape", "fourier", "width", "area", "aspect")
# Those that only a silhouette decides.
SHAPE = (
    "overlap of the contours",
    "shape",
    "course of the contour",
    "width from top to bottom",
    "proportions",
)

MEANINGS: Mapping[str, str] = {
    "score": "the retrieval's score",
    "behind": "how far the score lies behind the list's best (0 for the best)",
    "standing": "the score in deviations from the list's mean",
    "place": "1 / (1 + candidates with a better score)",
    "category": "the probability that the query's classifier gives the candidate's category",
    "overlap": "IoU of the aligned silhouettes",
    "overlap_trusted": "overlap, times the trust in both masks",
    "overlap_agreed": "overlap, times the best overlap in the list",
    "overlap_behind": "how far the overlap lies behind the best in the list",
    "frame": "IoU of the silhouettes at their places in their images",
    "shape": "similarity of the shapes, whatever their place, size, rotation or mirroring",
    "shape_trusted": "shape, times the trust in both masks",
    "shape_agreed": "shape, times the best overlap in the list",
    "shape_behind": "how far shape lies behind the best in the list",
    "fourier": "similarity of the contours' Fourier descriptors",
    "fourier_trusted": "fourier, times the trust in both masks",
    "fourier_behind": "how far fourier lies behind the best in the list",
    "width": "similarity of the widths at every height",
    "width_trusted": "width, times the trust in both masks",
    "width_behind": "how far width lies behind the best in the list",
    "area": "smaller over larger area of the aligned silhouettes",
    "aspect": "smaller over larger aspect ratio",
    "comparable": "1 where neither mask raises a flag",
    "fit": "the best overlap in the list: a mask that fits no candidate is more likely incorrect",
    "query_trust": "trust in the query's mask; 0.5 where it has none",
    "hit_trust": "trust in the candidate's mask; 0.5 where it has none",
    "query_unjudged": "1 where the query's mask has no trust",
    "hit_unjudged": "1 where the candidate's mask has no trust",
    "query_flagged": "1 where the query's mask raises a flag",
    "hit_flagged": "1 where the candidate's mask raises a flag",
}

_DESCRIPTORS = DescriptorCache()

# The trust of a mask without one; a column of its own marks it.
UNJUDGED = 0.5


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Aligned with the hits. ``overlaps``: IoU of the aligned silhouettes, counted only where
    they are ``comparable``."""

    rows: Float64Array  # (N, F), columns as in NAMES, finite
    overlaps: Float64Array  # (N,)
    comparable: BoolArray  # (N,)


def pair_features(query: Description, hits: Sequence[Hit]) -> PairFeatures:
    """One row a hit; all of ``hits`` are the list that they are compared with."""
    # In the order of ids, so that sums round alike in whatever order hits come.
    by_id = sorted(range(len(hits)), key=lambda at: hits[at].record.id)
    found = _features(query, [hits[at] for at in by_id])
    back = np.argsort(np.array(by_id, np.int64))
    return PairFeatures(found.rows[back], found.overlaps[back], found.comparable[back])


def _features(query: Description, hits: Sequence[Hit]) -> PairFeatures:
    described = [hit.record.description for hit in hits]
    comparable = np.array([not (query.quality.doubts or d.quality.doubts) for d in described], bool)
    overlaps = ious(query.aligned, [d.aligned for d in described])
    columns = {
        **_retrieval(np.array([hit.score for hit in hits], np.float64)),
        "category": _category(query, hits),
        **_shape(query, described, overlaps, comparable),
        **_trust(query, described, comparable),
    }
    rows = np.column_stack([columns[name] for name in NAMES]).reshape(len(hits), len(NAMES))
    return PairFeatures(np.nan_to_num(rows), overlaps, comparable)


def _retrieval(scores: Float64Array) -> dict[str, Float64Array]:
    if not len(scores):
        return dict.fromkeys(("score", "behind", "standing", "place"), scores)
    better = (scores[None] > scores[:, None]).sum(axis=1)
    spread = scores.std()
    return {
        "score": scores,
        "behind": scores - scores.max(),
        "standing": (scores - scores.mean()) / spread if spread > 0 else np.zeros(len(scores)),
        "place": 1.0 / (1.0 + better),
    }


def _category(query: Description, hits: Sequence[Hit]) -> Float64Array:
    known = dict(zip(query.scores.names, query.scores.probabilities.tolist(), strict=True))
    return np.array([known.get(hit.record.category, 0.0) for hit in hits], np.float64)


def _shape(
    query: Description,
    described: Sequence[Description],
    overlaps: Float64Array,
    comparable: BoolArray,
) -> dict[str, Float64Array]:
    trusted = np.array([_trusted(query) * _trusted(d) for d in described], np.float64)
    alike: dict[str, Float64Array | FloatArray] = {
        "overlap": overlaps,
        "frame": ious(query.contour, [d.contour for d in described]),
        **_contours(query, described, comparable),
    }
    found = {name: np.where(comparable, values, 0.0) for name, values in alike.items()}
    for name in ("overlap", "shape", "fourier", "width"):
        values = found[name]
        best = values.max(initial=0.0)
        found[f"{name}_trusted"] = values * trusted
        found[f"{name}_behind"] = np.where(comparable, values - best, 0.0)
    fit = found["overlap"].max(initial=0.0)
    agreed = {f"{name}_agreed": found[name] * fit for name in ("overlap", "shape")}
    return {**found, **agreed, "fit": np.full(len(described), fit)}


def _contours(
    query: Description, described: Sequence[Description], comparable: BoolArray
) -> dict[str, FloatArray]:
    """Where no pair is comparable no shape is described: a new silhouette takes 1.7 ms, and
    hand-held photos often have a mask that raises a flag."""
    if not comparable.any():
        return dict.fromkeys(CONTOURS, np.zeros(len(described), np.float32))
    return _similarities(*_DESCRIPTORS.of([query.aligned, *(d.aligned for d in described)]))


def _similarities(query: ShapeDescriptors, *others: ShapeDescriptors) -> dict[str, FloatArray]:
    """As named in ``CONTOURS``."""
    areas, aspects = (
        np.array(values, np.float32)
        for values in ([o.area for o in others], [o.aspect for o in others])
    )
    return {
        "shape": shape_similarities(query.shape, np.stack([o.shape for o in others])),
        "fourier": fourier_similarities(query.fourier, np.stack([o.fourier for o in others])),
        "width": profile_similarities(query.width, np.stack([o.width for o in others])),
        "area": ratio_similarities(query.area, areas),
        "aspect": ratio_similarities(query.aspect, aspects),
    }


def _trust(
    query: Description, described: Sequence[Description], comparable: BoolArray
) -> dict[str, Float64Array]:
    def each(of: Sequence[float]) -> Float64Array:
        return np.array(of, np.float64)

    everywhere = np.ones(len(described))
    return {
        "comparable": comparable.astype(np.float64),
        "query_trust": everywhere * _trusted(query),
        "hit_trust": each([_trusted(d) for d in described]),
        "query_unjudged": everywhere * (query.trust is None),
        "hit_unjudged": each([d.trust is None for d in described]),
        "query_flagged": everywhere * bool(query.quality.doubts),
        "hit_flagged": each([bool(d.quality.doubts) for d in described]),
    }


def _trusted(description: Description) -> float:
    return UNJUDGED if description.trust is None else description.trust
