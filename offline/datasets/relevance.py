"""Relevance by labels, for data sets without lists of relevant images."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from offline.datasets.types import DatasetImage, Relevance, RetrievalTask

Label = Callable[[DatasetImage], Hashable | None]


def by_category(image: DatasetImage) -> Hashable | None:
    return image.category


def by_family(image: DatasetImage) -> Hashable | None:
    """Families are distinct within their category: two categories may both have an "f01"."""
    return None if image.family is None else (image.category, image.family)


def by_product(image: DatasetImage) -> Hashable | None:
    return image.product


def label_task(
    name: str, queries: Sequence[DatasetImage], gallery: Sequence[DatasetImage], label: Label
) -> RetrievalTask:
    """The task of finding images with the query's label, other than itself."""
    return RetrievalTask(name, tuple(queries), tuple(gallery), same_label(queries, gallery, label))


def same_label(
    queries: Sequence[DatasetImage],
    gallery: Sequence[DatasetImage],
    label: Label,
    *,
    counts_itself: bool = False,
) -> tuple[Relevance, ...]:
    """For every query the gallery images with its label; none for a query without a label.

    A query that is in the gallery (by its id) is ignored there, as in Oh Song et al., Deep
    Metric Learning via Lifted Structured Feature Embedding, CVPR 2016; with ``counts_itself``
    it is one of its own answers, as in the bullseye score.
    """
    groups: dict[Hashable, list[int]] = {}
    positions: dict[str, int] = {}
    for at, image in enumerate(gallery):
        positions[image.id] = at
        name = label(image)
        if name is not None:
            groups.setdefault(name, []).append(at)
    answers = []
    for query in queries:
        own = None if counts_itself else positions.get(query.id)
        same = groups.get(label(query), ())
        relevant = tuple(at for at in same if at != own)
        answers.append(Relevance(relevant, () if own is None else (own,)))
    return tuple(answers)


def clusters_of(images: Sequence[DatasetImage]) -> tuple[str, ...]:
    """The product of every image, its id where that is not known.

    Images of one product are not independent, so intervals resample them together.
    """
    return tuple(image.product or image.id for image in images)
