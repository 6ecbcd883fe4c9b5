"""Tables 1 and 2 of Waqas et al. (CMC 2023): how well a split with known categories is classified.

Table 1 is laid out as scikit-learn's ``classification_report``: a row for every class that is true
or predicted of some image, then accuracy, macro and weighted average. Table 2 is the accuracy of
each class by equation 6, (TP + TN) / all: of a class against all others. It flatters: with C
classes an average of a is a plain accuracy of 1 - (1 - a) C / 2, so the plain one stands below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import IntArray
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.hold_out import TRAIN_NAMES, first_of
from offline.datasets.relevance import by_category, clusters_of, label_task
from offline.evaluate.describing import describe_task
from offline.evaluate.tables.layout import Made, Request, Variant
from offline.evaluate.task import DescribedTask
from offline.metrics.classification import (
    CategoryMetrics,
    category_metrics,
    confusion_matrix,
    summary,
)
from offline.report.document import Figure, Group, Section, System, Table
from offline.report.figures import averaged
from stages.assemble import assemble

# The splits that data sets keep for judging, the first that there is.
JUDGED = ("test", "val", "validation")
LIKELIEST = "a photo counts by its likeliest category, also where the classifier calls it unknown"


@dataclass(frozen=True, eq=False)
class Classified:
    """Aligned: ids of the images, their categories and the likeliest ones by the classifier.

    ``classes``: all that are true or predicted of some image, in alphabetical order.
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
        """The fraction of images whose likeliest category is the true one."""
        pairs = zip(self.predicted, self.true, strict=True)
        right = [float(said == is_) for said, is_ in pairs]
        return averaged("accuracy", right, seed=seed, clusters=self.clusters)

    @property
    def clusters(self) -> tuple[str, ...]:
        return clusters_of(self.described.task.queries)

    def overall(self, figures: Sequence[Figure]) -> Group:
        """Metrics over all images and classes."""
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
    """A row a variant, all of the same images.

    ConfigError for a split without categories, or without a name where the data set has none of
    ``JUDGED``.
    """
    dataset = open_dataset(request.data[0])
    split = _judged_split(dataset, request.split)
    images = dataset.images(split)
    known = [image for image in images if image.category is not None]
    if not known:
        raise ConfigError(
            f"{dataset.root}: the images of {split} have no categories.",
            remedy=f"Choose another --split: {', '.join(dataset.splits)}.",
        )
    notes = []
    if len(known) < len(images):
        left = len(images) - len(known)
        notes.append(f"{left} of {len(images)} images left out: no category")
    return [
        _of_variant(variant, dataset, split, known, notes, request) for variant in request.variants
    ]


def _made(tables: Sequence[Table], found: Sequence[Classified], systems: Sequence[System]) -> Made:
    described = found[0].described
    faults = dict.fromkeys(fault for one in found for fault in one.described.faults)
    images: Mapping[str, int] = {"judged": len(found[0].ids)}
    return Made(
        tables=tuple(tables),
        systems=tuple(systems),
        dataset=described.task.name,
        checksum=described.checksum,
        images=images,
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


def _of_variant(
    variant: Variant,
    dataset: Dataset,
    split: str,
    images: Sequence[DatasetImage],
    notes: Sequence[str],
    request: Request,
) -> Classified:
    voters, how = _voters(variant.settings, dataset, split, images)
    task = label_task(f"{dataset.name} {split}", images, voters, by_category)
    described = describe_task(task, variant.settings, request.cache, request.progress)
    read = described.task.queries
    left = [f"{len(images) - len(read)} images left out: cannot be read"]
    knows = described.parts.describer.classifier.categories
    foreign = sum(knows is not None and one.category not in knows for one in read)
    unknown = [f"{foreign} photos are of categories that this classifier never learned"]
    return Classified(
        name=variant.name,
        described=described,
        ids=tuple(image.id for image in read),
        true=tuple(str(image.category) for image in read),
        predicted=tuple(query.scores.top for query in described.queries),
        notes=(
            *notes,
            *(left if len(read) < len(images) else []),
            how,
            *(unknown if foreign else []),
        ),
    )


def _voters(
    settings: Settings, dataset: Dataset, split: str, judged: Sequence[DatasetImage]
) -> tuple[Sequence[DatasetImage], str]:
    """The images that a voting classifier votes among, and a note.

    Without a split to learn from every image is judged by the others. A trained classifier
    needs no gallery: it gets the smallest one that a task can have.
    """
    if assemble(settings).describer.classifier.categories is not None:
        return judged[:1], f"classified by a trained model: {settings.classify.name}"
    learned = first_of(TRAIN_NAMES, [name for name in dataset.splits if name != split])
    if learned is None:
        return judged, f"classified by the vote of the other images of {split}"
    voters = [image for image in dataset.images(learned) if image.category is not None]
    if not voters:
        return judged, f"classified by the vote of the other images of {split}"
    return voters, f"classified by the vote of the {len(voters)} images of {learned}"


REPORT_COLUMNS = ("class", "precision", "recall", "f1-score", "support")
REPORT_NOTE = (
    "what has nothing to divide by is 0; macro avg: mean over the classes of the table; weighted "
    "avg: weighted by support; accuracy: fraction of photos, the micro average of all three"
)


def report_table(request: Request) -> Made:
    """One table a system."""
    found = classified(request)
    tables = [report_of(one, several=len(found) > 1) for one in found]
    return _made(tables, found, [_report_system(one, request.seed) for one in found])


def report_of(found: Classified, *, several: bool = False) -> Table:
    """``several``: its title names the system."""
    rows = category_metrics(found.confusion)
    macro, weighted = averages(found)
    total = str(len(found.ids))
    of_class = [
        (name, *_cells([row.precision, row.recall, row.f1]), str(row.support))
        for name, row in zip(found.classes, rows, strict=True)
    ]
    title = f"Table 1: {found.described.task.name}"
    return Table(
        title=f"{title}, {found.name}" if several else title,
        columns=REPORT_COLUMNS,
        rows=(
            *of_class,
            ("accuracy", "", "", *_cells([summary(found.confusion).accuracy]), total),
            ("macro avg", *_cells(macro), total),
            ("weighted avg", *_cells(weighted), total),
        ),
        note=REPORT_NOTE,
    )


def averages(found: Classified) -> tuple[list[float], list[float]]:
    """(precision, recall, F1) as plain means over the classes of the table, also those without a
    photo, as scikit-learn has it; and weighted by their photos."""
    rows = category_metrics(found.confusion)
    macro = np.mean([[row.precision, row.recall, row.f1] for row in rows], axis=0)
    whole = summary(found.confusion)
    return macro.tolist(), [whole.weighted_precision, whole.weighted_recall, whole.weighted_f1]


def _cells(values: Sequence[float]) -> list[str]:
    return [f"{value:.3f}" for value in values]


def _report_system(found: Classified, seed: int) -> System:
    rows = category_metrics(found.confusion)
    overall = [
        Figure(name=f"{name} {column}", value=value)
        for name, means in zip(("macro avg", "weighted avg"), averages(found), strict=True)
        for column, value in zip(REPORT_COLUMNS[1:4], means, strict=True)
    ]
    groups = [
        found.overall([found.accuracy(seed), *overall]),
        *(_class_group(name, row) for name, row in zip(found.classes, rows, strict=True)),
    ]
    return found.system(groups)


def _class_group(name: str, row: CategoryMetrics) -> Group:
    values = zip(REPORT_COLUMNS[1:4], (row.precision, row.recall, row.f1), strict=True)
    support = Figure(name="support", value=row.support, better="neither", unit="pictures")
    figures = [Figure(name=column, value=value) for column, value in values]
    return Group(name=f"class {name}", figures=(*figures, support))


PLACES = 3
ACCURACY_NOTE = (
    "accuracy of a class: (TP + TN) / all, equation 6; average and variance over the classes "
    "that have a photo (the population's variance: these are all classes, not a sample of them); "
    "plain accuracy: the fraction of photos whose likeliest class is the true one"
)


def accuracy_table(request: Request) -> Made:
    found = classified(request)
    systems = [_accuracy_system(one, request.seed) for one in found]
    return _made([accuracies_of(found)], found, systems)


def accuracies_of(found: Sequence[Classified]) -> Table:
    """Of systems that classified the same images."""
    columns = [_accuracies(one) for one in found]
    overall = [summary(one.confusion) for one in found]
    rows = [
        *((name, *(_cell(column[name]) for column in columns)) for name in columns[0]),
        ("average", *(_cell(one.average_accuracy) for one in overall)),
        ("variance", *(f"{one.accuracy_variance:.2e}" for one in overall)),
        ("plain accuracy", *(_cell(one.accuracy) for one in overall)),
    ]
    return Table(
        title=f"Table 2: {found[0].described.task.name}",
        columns=("class", *(one.name for one in found)),
        rows=tuple(rows),
        note=ACCURACY_NOTE,
    )


def _accuracies(found: Classified) -> dict[str, float]:
    """By class, of those that have a photo."""
    rows = zip(found.classes, category_metrics(found.confusion), strict=True)
    return {name: row.accuracy for name, row in rows if row.support}


def _cell(value: float) -> str:
    return f"{value:.{PLACES}f}"


def _accuracy_system(found: Classified, seed: int) -> System:
    whole = summary(found.confusion)
    overall = (
        Figure(name="average accuracy", value=whole.average_accuracy),
        Figure(name="variance of accuracy", value=whole.accuracy_variance, better="lower"),
        found.accuracy(seed),
    )
    by_class = [Figure(name=name, value=value) for name, value in _accuracies(found).items()]
    return found.system(
        [
            found.overall(overall),
            Group(name="(TP + TN) / all by class", figures=tuple(by_class)),
        ]
    )
