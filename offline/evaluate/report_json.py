"""An evaluation as JSON: all figures at full precision, and all that they depend on."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version

from engine import __version__
from offline.evaluate.ranking import NOBODY
from offline.evaluate.report import Report
from offline.evaluate.retrieval import Outcome
from offline.evaluate.searching import Search
from offline.metrics.statistics import RESAMPLES, Interval

LIBRARIES = ("faiss-cpu", "numpy", "onnxruntime", "opencv-python-headless", "pillow")


def json_text(report: Report, *, per_query: bool = False) -> str:
    """All figures at full precision; with ``per_query`` ranks and figures of every query."""
    plain = {
        "dataset": report.dataset,
        "protocols": [_outcome(one, per_query) for one in report.outcomes],
        "unreadable_pictures": report.faults,
        "fingerprint": report.parts.fingerprint,
        "settings": report.parts.settings.tables(),
        "search": _search(report.plan.search),
        "augmented": report.plan.augment,
        "seed": report.plan.seed,
        "resamples": RESAMPLES,
        "milliseconds": dict(report.timings),
        "threads": report.parts.threads,
        "versions": versions(),
    }
    return json.dumps(plain, ensure_ascii=False, indent=1)


def _search(search: Search) -> dict[str, object]:
    rerank = search.rerank.model_dump() if search.rerank else None
    return {**asdict(replace(search, rerank=None)), "k_reciprocal": rerank}


def _outcome(outcome: Outcome, per_query: bool) -> dict[str, object]:
    summary = outcome.summary
    plain: dict[str, object] = {
        "protocol": outcome.protocol,
        "task": outcome.task.name,
        "figures": {
            name: _interval(interval)
            for name, interval in zip(summary.names, summary.intervals, strict=True)
        },
        "top_1_similarity": outcome.similarity,
        "by_class": {
            name: dict(zip(summary.names, means, strict=True))
            for name, means in outcome.by_class.items()
        },
        "queries": len(outcome.task.queries),
        "asked_of": outcome.asked_of,
        "unanswerable": outcome.unanswerable,
        "unreadable_queries": outcome.unreadable,
        "gallery": len(outcome.task.gallery),
        "unreadable_gallery": outcome.absent,
        "queries_in_gallery": outcome.copies,
        "data_sha256": outcome.checksum,
    }
    return {**plain, "per_query": _queries(outcome)} if per_query else plain


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _queries(outcome: Outcome) -> list[dict[str, object]]:
    rows = zip(outcome.task.queries, outcome.judged, outcome.summary.values.tolist(), strict=True)
    return [
        {
            "id": picture.id,
            "first": None if judged.first == NOBODY else outcome.task.gallery[judged.first].id,
            "relevant": judged.found.total,
            "ranks": judged.found.ranks.tolist(),
            "figures": dict(zip(outcome.summary.names, figures, strict=True)),
        }
        for picture, judged, figures in rows
    ]


def versions() -> dict[str, str]:
    """Of what computed the figures."""
    found = {"packsight": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "?"
    return found
