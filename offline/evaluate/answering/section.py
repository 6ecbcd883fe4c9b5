"""The report's section on the whole chain."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.answering.answers import Answer, answer
from offline.evaluate.answering.losses import Fate, Loss, fate, loss_table
from offline.evaluate.evidence import Evidence
from offline.evaluate.retrieving.examples import picture_of
from offline.report.document import Block, Card, Cards, Figure, Group, Section
from offline.report.figures import averaged

PRODUCTS = 10  # asked for, as a query does
FIRST = (1, 3, 5, 10)
SEARCHED = "categories searched"
SHOWN = 3  # queries a kind of loss: a row of the page


def end_to_end_section(evidence: Evidence, seed: int = 0) -> Section:
    """Every answerable query asked as a user asks it: products, not images."""
    task = evidence.task
    asked = [at for at in range(len(task.queries)) if task.relevance[at].relevant]
    if not asked:
        return Section(
            stage="end-to-end", groups=(), notes=("No query has a right answer in the gallery.",)
        )
    answers = {query: answer(evidence, query, PRODUCTS) for query in asked}
    fates = [fate(evidence, query, answers[query]) for query in asked]
    return Section(
        stage="end-to-end",
        groups=(_group(evidence, fates, answers, seed),),
        blocks=(loss_table(fates), *_cards(evidence, fates, answers)),
        notes=(
            f"Each query asked for {PRODUCTS} products, each product standing at its best view; "
            "right is a product that the task calls right. Searched, reranked and grouped as "
            "`packsight query` does, on the descriptions of this report.",
        ),
    )


def _group(
    evidence: Evidence, fates: Sequence[Fate], answers: dict[int, Answer], seed: int
) -> Group:
    """Shares of queries, and how many categories were searched."""
    columns = {f"top@{k} products": [float(_within(one, k)) for one in fates] for k in FIRST}
    columns["MRR products"] = [1.0 / one.rank if one.rank else 0.0 for one in fates]
    columns["right category searched"] = [float(one.loss != Loss.ROUTE) for one in fates]
    columns[SEARCHED] = [float(len(answers[one.query].route.categories)) for one in fates]
    asked = [evidence.task.queries[one.query] for one in fates]
    clusters = tuple(picture.product or picture.id for picture in asked)
    return Group(
        name="products",
        figures=tuple(_figure(name, column, clusters, seed) for name, column in columns.items()),
        items=tuple(picture.id for picture in asked),
        clusters=clusters,
        meaning="What a user gets for one photo. top@k products: the right one among the first k.",
    )


def _figure(name: str, column: Sequence[float], clusters: Sequence[str], seed: int) -> Figure:
    if name == SEARCHED:
        return averaged(
            name, column, seed=seed, clusters=clusters, better="lower", unit="categories"
        )
    return averaged(name, column, seed=seed, clusters=clusters)


def _within(one: Fate, k: int) -> bool:
    return one.rank is not None and one.rank <= k


def _cards(evidence: Evidence, fates: Sequence[Fate], answers: dict[int, Answer]) -> list[Block]:
    """Some queries of each kind of loss, evenly spread."""
    blocks: list[Block] = []
    for loss in Loss:
        mine = [one for one in fates if one.loss == loss]
        if mine and loss != Loss.NONE:
            shown = _spread(mine, SHOWN)
            cards = tuple(_card(evidence, one, answers[one.query]) for one in shown)
            blocks.append(Cards(title=loss.value.capitalize(), cards=cards))
    return blocks


def _spread(fates: Sequence[Fate], count: int) -> list[Fate]:
    count = min(count, len(fates))
    return [fates[at * len(fates) // count] for at in range(count)]


def _card(evidence: Evidence, one: Fate, found: Answer) -> Card:
    task = evidence.task
    asked, relevant = task.queries[one.query], task.relevance[one.query].relevant
    pictures = [picture_of(asked, "query")]
    if relevant:
        pictures.append(picture_of(task.gallery[relevant[0]], "wanted"))
    pictures += [
        picture_of(task.gallery[hit.record.id], f"answer {hit.rank}") for hit in found.hits[:1]
    ]
    first = found.hits[0] if found.hits else None
    lines = [
        f"right product: {'not answered' if one.rank is None else f'rank {one.rank}'}",
        *(["the photo's mask: " + ", ".join(one.flags).replace("_", " ")] if one.flags else []),
        *([f"first answer: {first.why}"] if first and first.why else []),
    ]
    return Card(
        title=asked.product or asked.category or asked.id,
        pictures=tuple(pictures),
        lines=tuple(lines),
    )
