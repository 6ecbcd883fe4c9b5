"""The report's section on the whole chain."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.end_to_end.measure import PRODUCTS, Loss, Outcome, outcomes, products_group
from offline.evaluate.retrieval.show import image_thumbnail
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
        blocks=(loss_table(found), *_cards(task, found)),
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
    images = [image_thumbnail(query, "query")]
    if relevant:
        images.append(image_thumbnail(task.gallery[relevant[0]], "wanted"))
    best = next(iter(one.ranked.products), None)
    if best is not None:
        images.append(image_thumbnail(task.gallery[best.record.id], f"hit {best.rank}"))
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
