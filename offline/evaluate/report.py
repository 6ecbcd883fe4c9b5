"""What an evaluation found, as Markdown for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import __version__
from engine.errors import ConfigError
from offline.evaluate.measures import measure
from offline.evaluate.ranking import NOBODY
from offline.evaluate.retrieval import Outcome, Plan
from offline.evaluate.searching import Search
from offline.markdown import markdown
from offline.metrics import RESAMPLES, Interval
from stages.assemble import EmbeddingParts

LIBRARIES = ("numpy", "onnxruntime", "opencv-python-headless", "pillow")
TEXT, DATA = "retrieval.md", "retrieval.json"


@dataclass(frozen=True, eq=False)
class Report:
    """``timings``: milliseconds a photo by stage; ``faults``: pictures that cannot be read."""

    dataset: str
    outcomes: Sequence[Outcome]
    parts: EmbeddingParts
    plan: Plan
    timings: Mapping[str, float]
    faults: int


def markdown_text(report: Report) -> str:
    """A row a measure, a column a protocol; then what the figures stand on."""
    blocks = [f"# {report.dataset}: retrieval", _table(report.outcomes)]
    blocks += [_class_table(one) for one in report.outcomes if one.by_class]
    return "\n\n".join([*blocks, _notes(report)])


def _table(outcomes: Sequence[Outcome]) -> str:
    names = list(dict.fromkeys(name for one in outcomes for name in one.summary.names))
    rows = [[name, *(_cell(one, name) for one in outcomes)] for name in names]
    rows += [
        ["top-1 similarity", *(f"{one.similarity:.3f}" for one in outcomes)],
        ["queries", *(str(len(one.task.queries)) for one in outcomes)],
        ["gallery pictures", *(str(len(one.task.gallery)) for one in outcomes)],
    ]
    return markdown(["measure", *(one.protocol for one in outcomes)], rows)


def _cell(outcome: Outcome, name: str) -> str:
    if name not in outcome.summary.names:
        return "–"
    interval = outcome.summary.intervals[outcome.summary.names.index(name)]
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _class_table(outcome: Outcome) -> str:
    rows = [[name, *(f"{mean:.3f}" for mean in means)] for name, means in outcome.by_class.items()]
    return markdown([outcome.protocol, *outcome.summary.names], rows)


def _notes(report: Report) -> str:
    names = dict.fromkeys(name for one in report.outcomes for name in one.summary.names)
    meanings = dict.fromkeys(measure(name).meaning for name in names)
    lines = [f"- {meaning}" for meaning in meanings]
    lines.append(
        f"- means over queries, with 95 % bootstrap intervals ({RESAMPLES} resamples, seed "
        f"{report.plan.seed}); equal distances rank by place in the gallery"
    )
    lines += [f"- {one.protocol}: {note}" for one in report.outcomes for note in _left_out(one)]
    lines += [f"- {line}" for line in (*_how(report), *_times(report))]
    return "\n".join(lines)


def _left_out(outcome: Outcome) -> list[str]:
    notes = []
    asked = len(outcome.task.queries)
    passed = outcome.asked_of - outcome.unanswerable - outcome.unreadable - asked
    if passed:
        notes.append(f"a quick look: {passed} queries were passed over (--limit)")
    if outcome.unanswerable:
        notes.append(f"{outcome.unanswerable} queries have no relevant picture and are left out")
    if outcome.unreadable:
        notes.append(f"{outcome.unreadable} queries cannot be read and are left out")
    if outcome.absent:
        notes.append(f"{outcome.absent} gallery pictures cannot be read and count as never found")
    return notes


def _how(report: Report) -> list[str]:
    settings, search = report.parts.settings, report.plan.search
    stages = ("segment", "matting", "trust", "cutout", "embed", "whiten")
    named = [f"{stage} {settings.stage(stage).name}" for stage in stages]
    named = [name for name in named if not name.endswith(" none")]
    how = [f"described by: {', '.join(named)} (fingerprint {report.parts.fingerprint[:16]})"]
    extras = [f"metric {search.metric}"]
    if report.plan.augment:
        extras.append("queries augmented")
    if search.expand:
        extras.append(f"expanded by {search.expand} neighbours, alpha {search.alpha:g}")
    if search.rerank:
        extras.append(f"first {search.rerank.top_n} reranked by k-reciprocal neighbours")
    return [*how, f"searched by: {', '.join(extras)}"]


def _times(report: Report) -> list[str]:
    if not report.timings:
        return []
    parts = ", ".join(f"{stage} {value:.1f}" for stage, value in report.timings.items())
    whole = sum(report.timings.values())
    return [
        f"milliseconds a photo, one at a time, {report.parts.threads} threads: {parts}; "
        f"together {whole:.1f}"
    ]


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
        "data_sha256": outcome.checksum,
    }
    return {**plain, "per_query": _queries(outcome)} if per_query else plain


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def _queries(outcome: Outcome) -> list[dict[str, object]]:
    rows = zip(outcome.task.queries, outcome.judged, outcome.summary.figures.tolist(), strict=True)
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


def write_reports(
    report: Report, *, json_file: Path | None, folder: Path | None, per_query: bool
) -> None:
    """Both forms into ``folder``, the JSON into ``json_file``; ConfigError where it cannot."""
    data = json_text(report, per_query=per_query) + "\n"
    wanted = {json_file: data} if json_file else {}
    if folder:
        wanted |= {folder / TEXT: markdown_text(report) + "\n", folder / DATA: data}
    for path, text in wanted.items():
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, "utf-8")
            beside.replace(path)
        except OSError as error:
            raise ConfigError(
                f"{path}: the report cannot be written ({error.strerror or error}).",
                remedy="Choose another place, or free some room; features are kept.",
            ) from error
