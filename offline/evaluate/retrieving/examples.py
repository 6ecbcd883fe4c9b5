"""Queries to look at: the photo, and what was found for it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import ImageError
from engine.images import load
from engine.types import IntArray
from offline.datasets import Picture
from offline.evaluate.evidence import Evidence
from offline.evaluate.retrieving.changes import Change
from offline.evaluate.retrieving.levels import Level
from offline.report.document import Card, Cards, Thumbnail
from offline.report.thumbnails import thumbnail
from offline.store.images import cropped

SHOWN = 6  # queries a list
HITS = 5  # hits a query: with the query two rows of three


def example_cards(
    evidence: Evidence,
    level: Level,
    changes: Sequence[Change],
    heads: Sequence[IntArray],
    shown: int = SHOWN,
) -> list[Cards]:
    """Lists of queries that the rerank mended, that it spoiled, and that are furthest from right;
    a list without queries is left out. ``heads``: the first positions of every query's ranking."""
    lists = (
        ("Mended by the rerank", [c for c in changes if c.gained > 0 and c.after == 1]),
        ("Spoiled by the rerank", [c for c in changes if c.gained < 0 and c.before == 1]),
        ("Furthest from right", [c for c in changes if c.after is None or c.after > 1]),
    )
    return [
        Cards(
            title=title,
            cards=tuple(
                _card(evidence, level, change, heads[change.query])
                for change in sorted(found, key=_worst_first)[:shown]
            ),
            note=f"{len(found)} such queries; right means the same {level.name}.",
        )
        for title, found in lists
        if found
    ]


def _worst_first(change: Change) -> tuple[float, int]:
    """What is not found at all comes first; ties by the order of the queries."""
    rank = float("inf") if change.after is None else max(change.after, change.before or 0)
    return -rank, change.query


def _card(evidence: Evidence, level: Level, change: Change, head: IntArray) -> Card:
    task, query = evidence.task, change.query
    right = level.relevant(query)
    hits = [
        picture_of(task.gallery[at], f"{'right' if right[at] else 'wrong'}, {place}")
        for place, at in enumerate(head[:HITS].tolist(), start=1)
    ]
    asked = task.queries[query]
    return Card(
        title=asked.product or asked.category or asked.id,
        pictures=(picture_of(asked, "query"), *hits),
        lines=(
            f"first right answer: {_rank(change.before)} before, {_rank(change.after)} after",
            f"searched: {evidence.route(query).why}",
        ),
    )


def _rank(rank: int | None) -> str:
    return "none" if rank is None else f"rank {rank}"


def picture_of(picture: Picture, label: str) -> Thumbnail:
    """A small copy; the name alone where the file can no longer be read."""
    try:
        image = cropped(load(picture.path), picture)
    except ImageError:
        return Thumbnail(uri=picture.id, label=label)
    return thumbnail(image, picture.id, label)
