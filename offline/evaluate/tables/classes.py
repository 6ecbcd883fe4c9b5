"""What every variant's classifier says of a split whose categories are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import IntArray
from offline.datasets import Dataset, Picture, open_dataset
from offline.datasets.hold_out import TRAIN_NAMES, first_of
from offline.datasets.relevance import by_category, clusters_of, label_task
from offline.evaluate.describing import describe_task
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.evaluate.task import DescribedTask
from offline.metrics.classification import confusion_matrix
from offline.report.document import Figure, Group, Section, System, Table
from offline.report.figures import averaged
from stages.assemble import assemble

# The splits that data sets keep for judging, the first that there is.
JUDGED = ("test", "val", "validation")
LIKELIEST = "a photo counts by its likeliest category, also where the classifier calls it unknown"


@dataclass(frozen=True, eq=False)
class Classified:
    """Aligned: ids of the pictures, their categories and the likeliest ones by the classifier.

    ``classes``: all that are true or predicted of some picture, in alphabetical order.
    """

    name: str
    described: DescribedTask
    ids: tuple[str, ...]
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({*self.true, *self.predicted}))

    @property
    def confusion(self) -> IntArray:
        """(C, C) in the order of ``classes``, row = true."""
        at = {name: place for place, name in enumerate(self.classes)}
        predicted, true = (
            np.array([at[name] for name in names], np.int64)
            for names in (self.predicted, self.true)
        )
        return confusion_matrix(predicted, true, len(at))

    def accuracy(self, seed: int) -> Figure:
        """The share of pictures whose likeliest category is the true one."""
        pairs = zip(self.predicted, self.true, strict=True)
        right = [float(said == is_) for said, is_ in pairs]
        return averaged("accuracy", right, seed=seed, clusters=self.clusters)

    @property
    def clusters(self) -> tuple[str, ...]:
        return clusters_of(self.described.task.queries)

    def overall(self, figures: Sequence[Figure]) -> Group:
        """Figures over all pictures and classes."""
        return Group(
            name="all classes", figures=tuple(figures), items=self.ids, clusters=self.clusters
        )

    def system(self, groups: Sequence[Group]) -> System:
        parts = self.described.parts
        section = Section(stage="classify", groups=tuple(groups), notes=(*self.notes, LIKELIEST))
        return System(
            name=self.name,
            fingerprint=parts.fingerprint,
            settings=parts.settings.tables(),
            weights=parts.weights,
            sections=(section,),
        )


def classified(request: Request) -> list[Classified]:
    """A row a variant, all of the same pictures.

    ConfigError for a split without categories, or without a name where the data set has none of
    ``JUDGED``.
    """
    dataset = open_dataset(request.data[0])
    split = _judged_split(dataset, request.split)
    pictures = dataset.pictures(split)
    known = [picture for picture in pictures if picture.category is not None]
    if not known:
        raise ConfigError(
            f"{dataset.root}: the pictures of {split} have no categories.",
            remedy=f"Choose another --split: {', '.join(dataset.splits)}.",
        )
    notes = []
    if len(known) < len(pictures):
        left = len(pictures) - len(known)
        notes.append(f"{left} of {len(pictures)} pictures left out: no category")
    return [_asked(variant, dataset, split, known, notes, request) for variant in request.variants]


def made(tables: Sequence[Table], found: Sequence[Classified], systems: Sequence[System]) -> Made:
    described = found[0].described
    faults = dict.fromkeys(fault for one in found for fault in one.described.faults)
    pictures: Mapping[str, int] = {"judged": len(found[0].ids)}
    return Made(
        tables=tuple(tables),
        systems=tuple(systems),
        dataset=described.task.name,
        checksum=described.checksum,
        pictures=pictures,
        faults=tuple(faults),
    )


def _judged_split(dataset: Dataset, given: str | None) -> str:
    if given is not None:
        return given
    found = first_of(JUDGED, dataset.splits)
    if found is None and len(dataset.splits) == 1:
        (found,) = dataset.splits
    if found is None:
        raise ConfigError(
            f"{dataset.root}: has no split {', '.join(JUDGED[:-1])} or {JUDGED[-1]}.",
            remedy=f"Choose one with --split: {', '.join(dataset.splits)}.",
        )
    return found


def _asked(
    variant: Variant,
    dataset: Dataset,
    split: str,
    pictures: Sequence[Picture],
    notes: Sequence[str],
    request: Request,
) -> Classified:
    voters, how = _voters(variant.settings, dataset, split, pictures)
    task = label_task(f"{dataset.name} {split}", pictures, voters, by_category)
    described = describe_task(task, variant.settings, request.cache, request.progress)
    read = described.task.queries
    left = [f"{len(pictures) - len(read)} pictures left out: cannot be read"]
    knows = described.parts.describer.classifier.categories
    foreign = sum(knows is not None and one.category not in knows for one in read)
    unknown = [f"{foreign} photos are of categories that this classifier never learned"]
    return Classified(
        name=variant.name,
        described=described,
        ids=tuple(picture.id for picture in read),
        true=tuple(str(picture.category) for picture in read),
        predicted=tuple(query.scores.top for query in described.queries),
        notes=(
            *notes,
            *(left if len(read) < len(pictures) else []),
            how,
            *(unknown if foreign else []),
        ),
    )


def _voters(
    settings: Settings, dataset: Dataset, split: str, judged: Sequence[Picture]
) -> tuple[Sequence[Picture], str]:
    """The pictures that a voting classifier votes among, and a note that says so.

    Without a split to learn from every picture is judged by the others. A trained classifier
    asks no gallery: it gets the least one that a task can have.
    """
    if assemble(settings).describer.classifier.categories is not None:
        return judged[:1], f"classified by a trained model: {settings.classify.name}"
    learned = first_of(TRAIN_NAMES, [name for name in dataset.splits if name != split])
    if learned is None:
        return judged, f"classified by the vote of the other pictures of {split}"
    voters = [picture for picture in dataset.pictures(learned) if picture.category is not None]
    if not voters:
        return judged, f"classified by the vote of the other pictures of {split}"
    return voters, f"classified by the vote of the {len(voters)} pictures of {learned}"
