"""Data and systems to a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.config import Settings
from engine.errors import ConfigError
from offline.evaluate.ablation.blocks import ablation_blocks
from offline.evaluate.ablation.run import Ablation, ablate
from offline.evaluate.ablation.variants import variants
from offline.evaluate.answering.section import end_to_end_section
from offline.evaluate.classification import classification_section
from offline.evaluate.efficiency.show import efficiency_section
from offline.evaluate.evidence import Evidence
from offline.evaluate.gathering import gather
from offline.evaluate.no_match.section import no_match_section
from offline.evaluate.provenance import provenance
from offline.evaluate.reranking import system_blocks
from offline.evaluate.retrieving.section import retrieval_section
from offline.evaluate.segmentation import segmentation_section
from offline.evaluate.whole.asked import Asked, Phase, silent
from offline.evaluate.whole.data import Data, read_data
from offline.report.document import Report, Section, StageName, System
from offline.store.images import HashedPicture, checksum, hash_pictures
from stages.assemble import assemble_cutting


@dataclass
class _Run:
    """One report in the making."""

    asked: Asked
    data: Data
    phase: Phase
    faults: list[str] = field(default_factory=list)
    checksum: str = ""


def evaluate(asked: Asked, phase: Phase = silent) -> tuple[Report, list[str]]:
    """The report, and a sentence for every picture that cannot be read.

    Raises ConfigError (data, protocol, nothing to read), StageError and WeightsError where a part
    fails. What was described or segmented is kept: the same command goes on after a kill.
    """
    run = _Run(asked, read_data(asked), phase)
    systems = tuple(_system(run, name, settings) for name, settings in asked.systems.items())
    report = Report(
        title=f"Packsight on {run.data.name}",
        provenance=provenance(run.data.name, run.checksum, run.data.counts, seed=asked.seed),
        systems=systems,
    )
    return report, list(dict.fromkeys(run.faults))


def _system(run: _Run, name: str, settings: Settings) -> System:
    if run.data.task is None or set(run.asked.sections) == {"segment"}:
        return _masks_alone(run, name, settings)
    with run.phase(f"{name}: describing") as progress:
        evidence = gather(run.data.task, settings, run.asked.cache, progress)
    run.checksum = evidence.checksum
    run.faults += evidence.faults
    parts = evidence.parts
    return System(
        name=name,
        fingerprint=parts.fingerprint,
        settings=parts.settings.tables(),
        weights=parts.weights,
        sections=tuple(_section(run, name, stage, evidence) for stage in run.asked.sections),
    )


def _masks_alone(run: _Run, name: str, settings: Settings) -> System:
    """Nothing is embedded or classified; the fingerprint is that of the stages that cut out."""
    hashed = hash_pictures(run.data.pictures)
    hashes = [one.sha256 if isinstance(one, HashedPicture) else "" for one in hashed]
    run.checksum = checksum(run.data.pictures, hashes)
    parts = assemble_cutting(settings)
    return System(
        name=name,
        fingerprint=parts.fingerprint,
        settings=parts.settings.tables(),
        weights=parts.segmenter.weights,
        sections=(_segment(run, name, settings),),
    )


def _section(run: _Run, name: str, stage: StageName, evidence: Evidence) -> Section:
    asked, seed = run.asked, run.asked.seed
    match stage:
        case "segment":
            return _segment(run, name, evidence.settings)
        case "classify":
            return _classify(evidence, seed)
        case "retrieve":
            return _retrieve(run, name, evidence)
        case "no-match":
            return no_match_section(evidence, false_accepts=asked.false_accepts, seed=seed)
        case "end-to-end":
            return end_to_end_section(evidence, seed)
        case "efficiency":
            with run.phase(f"{name}: timing") as progress:
                return efficiency_section(evidence, asked.timed, seed, progress)


def _segment(run: _Run, name: str, settings: Settings) -> Section:
    parts = assemble_cutting(settings)
    with run.phase(f"{name}: masks") as progress:
        section, faults = segmentation_section(
            run.data.pictures, parts, run.asked.cache, run.asked.seed, progress
        )
    run.faults += faults
    return section


def _classify(evidence: Evidence, seed: int) -> Section:
    return classification_section(
        evidence.task.queries,
        [query.scores for query in evidence.queries],
        evidence.settings.route,
        evidence.held,
        evidence.parts.describer.classifier.categories,
        seed,
    )


def _retrieve(run: _Run, name: str, evidence: Evidence) -> Section:
    seed = run.asked.seed
    section = retrieval_section(evidence, seed, more=system_blocks(evidence, seed))
    found = _ablation(run, name, evidence)
    if found is None:
        return section
    groups = (found.base, *(one.group for one in found.switched))
    return section.model_copy(
        update={
            "groups": (*section.groups, *groups),
            "blocks": (*section.blocks, *ablation_blocks(found)),
        }
    )


def _ablation(run: _Run, name: str, evidence: Evidence) -> Ablation | None:
    asked, task = run.asked, run.data.task
    if not asked.ablate or task is None:
        return None
    switches = variants(
        evidence.settings,
        describing=asked.describing,
        masks=any(picture.mask is not None for picture in run.data.pictures),
        reranker=asked.reranker,
    )
    with run.phase(f"{name}: switching parts") as progress:
        return ablate(task, evidence, switches, asked.cache, seed=asked.seed, progress=progress)


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
