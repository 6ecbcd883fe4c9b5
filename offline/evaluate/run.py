"""A whole report: systems side by side on one data set, a section for every stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import Progress
from offline.adapt.gallery import report_lines
from offline.datasets import Dataset, DatasetImage, RetrievalTask, open_dataset
from offline.evaluate.ablation.measure import Ablation, ablate
from offline.evaluate.ablation.show import ablation_blocks
from offline.evaluate.ablation.variants import variants
from offline.evaluate.adapting import adapt_task
from offline.evaluate.classification.show import classification_section
from offline.evaluate.describing import describe_task
from offline.evaluate.efficiency.show import efficiency_section
from offline.evaluate.end_to_end.show import end_to_end_section
from offline.evaluate.no_match.show import no_match_section
from offline.evaluate.provenance import provenance
from offline.evaluate.reranking.show import system_blocks
from offline.evaluate.retrieval.show import retrieval_section
from offline.evaluate.segmentation.show import segmentation_section
from offline.evaluate.task import DescribedTask
from offline.report.document import Report, Section, StageName, System
from offline.store.images import HashedImage, checksum, hash_images
from stages.assemble import assemble_cutting

# A phase of the work by its title: a context that gives a progress callback.
Phase = Callable[[str], AbstractContextManager[Progress]]

# The stages that a user names, and the sections that each one has.
SECTIONS: Mapping[str, tuple[StageName, ...]] = {
    "segment": ("segment",),
    "classify": ("classify",),
    "retrieve": ("retrieve",),
    "end-to-end": ("no-match", "end-to-end", "efficiency"),
    "all": ("segment", "classify", "retrieve", "no-match", "end-to-end", "efficiency"),
}


ADAPTED: tuple[StageName, ...] = ("classify", "retrieve", "no-match", "end-to-end", "efficiency")


@dataclass(frozen=True)
class Request:
    """What is evaluated.

    ``systems`` by the name that the report gives them. ``protocol``: None for the data set's
    first. ``limit``: number of queries at most, evenly spread. ``ablate``: switch what needs no
    new description; ``describing``: also the stages that describe. ``reranker``: a learned one
    for the ablation to try. ``timed``: number of photos whose stages are timed. ``adapt``:
    False leaves galleries as they are also where the settings adapt them (``[adapt] auto``);
    ``photos``: of users, to adapt them to, queries among them left out.
    """

    data: Path
    sections: Sequence[StageName]
    systems: Mapping[str, Settings]
    cache: Path
    protocol: str | None = None
    seed: int = 0
    limit: int | None = None
    ablate: bool = False
    describing: bool = False
    reranker: Path | None = None
    false_accepts: float = 0.05
    timed: int = 16
    adapt: bool = True
    photos: Path | None = None


def silent(title: str) -> AbstractContextManager[Progress]:
    """A phase without a progress bar."""
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Data:
    """``task`` is None for data that is not made for retrieval: its masks alone are judged."""

    dataset: Dataset
    protocol: str
    task: RetrievalTask | None
    images: tuple[DatasetImage, ...]  # of both sides, each once

    @property
    def name(self) -> str:
        return f"{self.dataset.name} {self.protocol}".strip()

    @property
    def counts(self) -> dict[str, int]:
        """Number of images by role."""
        if self.task is None:
            return {"pictures": len(self.images)}
        return {"queries": len(self.task.queries), "gallery": len(self.task.gallery)}


def read_data(request: Request) -> Data:
    """Raises ConfigError for data that cannot be opened, for an unknown protocol, and where
    retrieval is requested and the data has none."""
    dataset = open_dataset(request.data)
    if dataset.protocols or request.protocol:
        protocol = request.protocol or dataset.protocols[0]
        task = dataset.retrieval(protocol).limited(request.limit)
        both = tuple(dict.fromkeys((*task.queries, *task.gallery)))
        return Data(dataset, protocol, task, both)
    if set(request.sections) != {"segment"}:
        raise ConfigError(
            f"{request.data}: the {dataset.name} data set has nothing to retrieve.",
            remedy="Evaluate its masks alone: packsight evaluate segment --data DIR",
        )
    images = dict.fromkeys(p for split in dataset.splits for p in dataset.images(split))
    return Data(dataset, "", None, tuple(images))


@dataclass
class _Run:
    """One report in the making."""

    request: Request
    data: Data
    phase: Phase
    faults: list[str] = field(default_factory=list)
    checksum: str = ""


def evaluate(request: Request, phase: Phase = silent) -> tuple[Report, list[str]]:
    """The report, and a sentence for every image that cannot be read.

    Raises ConfigError (data, protocol, nothing to read), StageError and WeightsError where a
    stage fails. What was described or segmented is kept: the same command goes on after a kill.
    """
    run = _Run(request, read_data(request), phase)
    systems = tuple(_system(run, name, settings) for name, settings in request.systems.items())
    report = Report(
        title=f"Packsight on {run.data.name}",
        provenance=provenance(run.data.name, run.checksum, run.data.counts, seed=request.seed),
        systems=systems,
    )
    return report, list(dict.fromkeys(run.faults))


def _system(run: _Run, name: str, settings: Settings) -> System:
    if run.data.task is None or set(run.request.sections) == {"segment"}:
        return _masks_alone(run, name, settings)
    with run.phase(f"{name}: describing") as progress:
        task = describe_task(run.data.task, settings, run.request.cache, progress)
    run.checksum = task.checksum
    if run.request.adapt and (settings.adapt.auto or run.request.photos is not None):
        with run.phase(f"{name}: adapting") as progress:
            task = adapt_task(
                task,
                run.request.seed,
                run.request.photos,
                progress,
                absent="no-match" in run.request.sections,
            )
    run.faults += task.faults
    parts = task.parts
    return System(
        name=name,
        fingerprint=parts.fingerprint,
        settings=parts.settings.tables(),
        weights=parts.weights,
        adaptation=() if task.fit is None else tuple(report_lines(task.fit)),
        sections=_with_adaptation(
            [_section(run, name, stage, task) for stage in run.request.sections], task
        ),
    )


def _with_adaptation(sections: Sequence[Section], task: DescribedTask) -> tuple[Section, ...]:
    """What was fitted to the gallery is noted once, in the first section that it changes."""
    if task.fit is None:
        return tuple(sections)
    lines = [f"adaptation, {line}" for line in report_lines(task.fit)]
    first = next((at for at, one in enumerate(sections) if one.stage in ADAPTED), None)
    return tuple(
        one.model_copy(update={"notes": (*one.notes, *lines)}) if at == first else one
        for at, one in enumerate(sections)
    )


def _masks_alone(run: _Run, name: str, settings: Settings) -> System:
    """Nothing is embedded or classified; the fingerprint is that of the stages that cut out."""
    hashed = hash_images(run.data.images)
    hashes = [one.sha256 if isinstance(one, HashedImage) else "" for one in hashed]
    run.checksum = checksum(run.data.images, hashes)
    parts = assemble_cutting(settings)
    return System(
        name=name,
        fingerprint=parts.fingerprint,
        settings=parts.settings.tables(),
        weights=parts.segmenter.weights,
        sections=(_segment(run, name, settings),),
    )


def _section(run: _Run, name: str, stage: StageName, task: DescribedTask) -> Section:
    request, seed = run.request, run.request.seed
    match stage:
        case "segment":
            return _segment(run, name, task.settings)
        case "classify":
            return classification_section(
                task.task.queries,
                [query.scores for query in task.queries],
                task.settings.route,
                task.categories,
                task.parts.describer.classifier.categories,
                seed,
            )
        case "retrieve":
            return _retrieve(run, name, task)
        case "no-match":
            return no_match_section(task, false_accepts=request.false_accepts, seed=seed)
        case "end-to-end":
            return end_to_end_section(task, seed)
        case "efficiency":
            with run.phase(f"{name}: timing") as progress:
                return efficiency_section(task, request.timed, seed, progress)


def _segment(run: _Run, name: str, settings: Settings) -> Section:
    parts = assemble_cutting(settings)
    with run.phase(f"{name}: masks") as progress:
        section, faults = segmentation_section(run.data.images, parts, run.request.seed, progress)
    run.faults += faults
    return section


def _retrieve(run: _Run, name: str, task: DescribedTask) -> Section:
    seed = run.request.seed
    section = retrieval_section(task, seed, more=system_blocks(task, seed))
    found = _ablation(run, name, task)
    if found is None:
        return section
    groups = (found.base, *(one.group for one in found.switched))
    return section.model_copy(
        update={
            "groups": (*section.groups, *groups),
            "blocks": (*section.blocks, *ablation_blocks(found)),
        }
    )


def _ablation(run: _Run, name: str, described: DescribedTask) -> Ablation | None:
    request, task = run.request, run.data.task
    if not request.ablate or task is None:
        return None
    switches = variants(
        described.settings,
        describing=request.describing,
        masks=any(image.mask is not None for image in run.data.images),
        reranker=request.reranker,
        adaptation=described.adaptation,
    )
    with run.phase(f"{name}: switching parts") as progress:
        return ablate(
            task,
            described,
            switches,
            request.cache,
            seed=request.seed,
            photos=request.photos,
            progress=progress,
        )


def named_systems(systems: Sequence[tuple[str, Settings]]) -> dict[str, Settings]:
    """By name, in order; ConfigError for two of one name."""
    found: dict[str, Settings] = {}
    for name, settings in systems:
        if name in found:
            raise ConfigError(
                f"two systems are called {name!r}.",
                remedy="Give their settings files different names.",
            )
        found[name] = settings
    return found
