"""The report's section on the whole chain."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from offline.evaluate.end_to_end.measure import PRODUCTS, Loss, Outcome, outcomes, products_group
from offline.evaluate.example_images import hit_thumbnail, query_thumbnail
from offline.evaluate.task import DescribedTask
from offline.report.document import Block, Card, Cards, Section, Table

SHOWN = 3  # queries per kind of loss: a row of the page


def end_to_end_section(task: DescribedTask, seed: int = 0) -> Section:
    """Every answerable query as a user meets it: products, not images."""
    found = outcomes(task)
    if not found:
        note = "No query has a correct product in the gallery."
        return Section(stage="end-to-end", groups=(), notes=(note,))
    return Section(
        stage="end-to-end",
        groups=(products_group(task, found, seed),),
        blocks=(loss_table(found), *print_tables(task, found), *_cards(task, found)),
        notes=(
            f"Each query for {PRODUCTS} products, each product at its best view; correct is a "
            "product that the task lists as relevant. Searched, reranked and grouped as `packsight "
            "query` does, on the descriptions of this report.",
        ),
    )


def loss_table(found: Sequence[Outcome]) -> Table:
    """How many queries each stage lost, and how many of them had a doubtful mask."""
    rows = []
    for loss in Loss:
        mine = [one for one in found if one.loss == loss]
        doubtful = sum(bool(one.doubts) for one in mine)
        rows.append((loss.value, str(len(mine)), f"{len(mine) / len(found):.3f}", str(doubtful)))
    return Table(
        title="Where the correct product is lost",
        columns=("the correct product is", "queries", "fraction", "with a doubtful mask"),
        rows=tuple(rows),
        note="A mask is doubtful where it raises a flag: empty, touching the border, several "
        "objects, nearly everything, untrusted, a shadow.",
    )


def print_tables(task: DescribedTask, found: Sequence[Outcome]) -> list[Table]:
    """How often the first hit is correct, by its matching places; none without keypoints."""
    matcher = task.searcher.describer.keypoints
    if matcher is None or matcher.checked == 0:
        return []
    least = matcher.least
    edges = [least + 1, *(least * 2**doublings for doublings in range(1, 4))]
    names = [f"{low} to {high - 1}" for low, high in pairwise(edges)]
    counts: dict[str, list[bool]] = {
        name: [] for name in ("no evidence", *names, f"{edges[-1]} or more")
    }
    for one in found:
        first = next(iter(one.ranked.products), None)
        match = None if first is None else first.match
        at = 0 if match is None else bisect_right(edges, match.inliers)
        list(counts.values())[at].append(one.rank == 1)
    rows = tuple(
        (name, str(len(correct)), f"{sum(correct) / len(correct):.3f}" if correct else "–")
        for name, correct in counts.items()
    )
    return [
        Table(
            title="First hits by the places that match on their label",
            columns=("matching places", "queries", "correct"),
            rows=rows,
            note=f"So many as {least} may agree by chance and are no evidence; fewer than "
            f"{2 * least} are weak evidence, which is not shown to users.",
        )
    ]


def _cards(task: DescribedTask, found: Sequence[Outcome]) -> list[Block]:
    """Some queries of each kind of loss, evenly spread."""
    blocks: list[Block] = []
    for loss in Loss:
        mine = [one for one in found if one.loss == loss]
        if mine and loss != Loss.NONE:
            count = min(SHOWN, len(mine))
            shown = [mine[at * len(mine) // count] for at in range(count)]
            cards = tuple(_card(task, one) for one in shown)
            blocks.append(Cards(title=loss.value.capitalize(), cards=cards))
    return blocks


def _card(described: DescribedTask, one: Outcome) -> Card:
    task = described.task
    query, relevant = task.queries[one.query], task.relevance[one.query].relevant
    best = next(iter(one.ranked.products), None)
    match = None if best is None else best.match
    images = [query_thumbnail(query, "query", match)]
    if relevant:
        images.append(hit_thumbnail(task.gallery[relevant[0]], "wanted"))
    if best is not None:
        images.append(hit_thumbnail(task.gallery[best.record.id], f"hit {best.rank}", match))
    lines = [f"correct product: {'not found' if one.rank is None else f'rank {one.rank}'}"]
    if one.doubts:
        lines.append("the photo's mask: " + ", ".join(one.doubts).replace("_", " "))
    if best is not None and best.why:
        lines.append(f"first hit: {best.why}")
    return Card(
        title=query.product or query.category or query.id,
        pictures=tuple(images),
        lines=tuple(lines),
    )
