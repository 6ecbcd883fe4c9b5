"""An evaluation as Markdown: a row a measure, a column a protocol, and what it stands on."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.report import Report
from offline.evaluate.retrieval import Outcome
from offline.metrics.retrieval import metric
from offline.metrics.statistics import RESAMPLES
from offline.report.tables import markdown

# What a picture goes through before it is a vector.
STAGES = ("segment", "matting", "trust", "cutout", "embed", "whiten")


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
    meanings = dict.fromkeys(metric(name).meaning for name in names)
    lines = [f"- {meaning}" for meaning in meanings]
    lines.append(
        f"- means over queries, with 95 % bootstrap intervals ({RESAMPLES} resamples, seed "
        f"{report.plan.seed}, photos of a product together); equal distances rank by place in "
        "the gallery"
    )
    lines += [f"- {one.protocol}: {note}" for one in report.outcomes for note in left_out(one)]
    lines += [f"- {line}" for line in (*_how(report), *_times(report))]
    return "\n".join(lines)


def left_out(outcome: Outcome) -> list[str]:
    """What is in no mean, and what makes the task look easier than it is."""
    asked = len(outcome.task.queries)
    passed = outcome.asked_of - outcome.unanswerable - outcome.unreadable - asked
    found = (
        (passed, "passed over for a quick look (--limit)"),
        (outcome.unanswerable, "left out: no relevant picture in the gallery"),
        (outcome.unreadable, "left out: cannot be read"),
    )
    notes = [f"{count} of {outcome.asked_of} queries {why}" for count, why in found if count]
    if outcome.copies:
        notes.append(f"{outcome.copies} queries are in the gallery as well, the very same file")
    if outcome.absent:
        size = len(outcome.task.gallery)
        notes.append(
            f"{outcome.absent} of {size} gallery pictures cannot be read: they are never found"
        )
    return notes


def _how(report: Report) -> list[str]:
    settings, search = report.parts.settings, report.plan.search
    named = [f"{stage} {settings.stage(stage).name}" for stage in STAGES]
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
