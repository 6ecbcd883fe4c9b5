"""The system of Waqas et al. (CMC 2023) as steps: U²-Net, FBA, ResNet-50, classifier, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.config import Settings, overlay
from engine.errors import ConfigError, WeightsError
from engine.files import file_sha256
from engine.user_folders import expanded
from offline.prepare import estimates
from offline.prepare.classifier import (
    CLASSIFIER,
    Training,
    classifier_file,
    copied_classifier,
    earlier_classifier,
    trained_classifier,
)
from offline.prepare.networks import (
    FBA,
    RESNET50,
    U2NET,
    NetworkKind,
    Source,
    files_of,
    find_source,
    make_network,
    place_of,
)
from offline.prepare.settings_file import settings_step
from offline.prepare.steps import Plan, Step, size_of, take_steps, whole_steps
from offline.train.classifier.network import require_keras
from offline.train.classifier.recipe import ClassifierRecipe, ClassifierSplits
from offline.train.run import Callbacks
from weights.catalog import CatalogEntry
from weights.fetch import FetchPolicy, fetch_checkpoint

SETTINGS = "paper.toml"
HEADER = "The system of Waqas et al. (CMC 2023), written by packsight prepare paper."
_STAGES = {"segment": "u2net", "embed": "onnx", "classify": "onnx"}


@dataclass(frozen=True)
class Request:
    """``base``: the profile with the user's settings over it; ``files``: local ones by step;
    ``data`` None: there are no labelled images."""

    out: Path
    base: Settings
    data: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    matting: bool = True
    recipe: ClassifierRecipe = field(default_factory=ClassifierRecipe)
    splits: ClassifierSplits = field(default_factory=ClassifierSplits)


@dataclass(frozen=True)
class Missing:
    """A file that cannot be fetched, where it goes, and the flag that takes it from elsewhere."""

    entry: CatalogEntry
    place: Path
    flag: str


@dataclass(frozen=True)
class PaperPlan(Plan):
    """``unlabelled``: labelled images are needed, and none were given."""

    missing: tuple[Missing, ...]
    unlabelled: bool
    policy: FetchPolicy

    @property
    def settings_file(self) -> Path:
        return self.out / SETTINGS


def plan_paper(request: Request) -> PaperPlan:
    """What there is, what is to be made, of what, and what is missing; changes nothing.

    Reads the labelled images once, to compare them. Raises ConfigError and WeightsError for what
    would fail later on.
    """
    _check_stages(request.base)
    request = replace(
        request, out=expanded(request.out).absolute()
    )  # settings work from any folder
    policy = FetchPolicy(
        directory=Path(request.base.weights.directory) if request.base.weights.directory else None,
        download=request.base.weights.download,
    )
    settings = _settings(request)
    kinds = [U2NET, *([FBA] if request.matting else []), RESNET50]
    sources = {kind.name: find_source(kind, request.files.get(kind.name), policy) for kind in kinds}
    networks = [_network_step(kind, sources[kind.name], request.out, policy) for kind in kinds]
    given, cut_by = request.files.get(CLASSIFIER), tuple(kind.name for kind in kinds[:-1])
    target = classifier_file(request.out, given, request.data)
    if given is not None:
        classifier = copied_classifier(given, target)
    elif request.data is not None:
        training = Training(request.data, request.recipe, request.splits, settings, policy)
        classifier = trained_classifier(training, target, cut_by)
    else:
        classifier = earlier_classifier(target)
    needs = (*(kind.name for kind in kinds), CLASSIFIER)
    settings_file = settings_step(request.out / SETTINGS, settings, HEADER, needs)
    steps = (*networks, classifier, settings_file)
    done = whole_steps(request.out, steps)
    missing = [
        Missing(step.download, place_of(step.download, policy), _flag_of(step))
        for step in steps
        if step.name not in done
        and step.download is not None
        and not (step.download.url and policy.may_download)
    ]
    unlabelled = request.data is None and given is None and CLASSIFIER not in done
    return PaperPlan(request.out, steps, done, tuple(missing), unlabelled, policy)


def prepare_paper(plan: PaperPlan, callbacks: Callbacks, show: Callable[[str], None]) -> None:
    """Carry a plan out; see ``take_steps``. Raises WeightsError where files are missing, and
    ConfigError where labelled images are."""
    if plan.missing:
        names = ", ".join(one.entry.filename for one in plan.missing)
        raise WeightsError(
            f"missing on this machine: {names}.",
            remedy="Put each where the plan names its place, or give its flag, and give the same "
            "command again.",
        )
    if plan.unlabelled:
        raise ConfigError(
            "the classifier needs labelled images.",
            remedy="Give --data LABELLED, a folder of images for each category "
            "(CATEGORY/view.jpg or CATEGORY/PRODUCT/view.jpg), or --classifier FILE.onnx.",
        )

    if any(step.name == CLASSIFIER and step.needs for step in plan.to_do):
        require_keras()

    def fetch(entry: CatalogEntry) -> object:
        return fetch_checkpoint(entry, plan.policy, replace_damaged=True)

    take_steps(plan.out, plan.steps, callbacks, show, fetch)


def _check_stages(settings: Settings) -> None:
    for section, name in _STAGES.items():
        found = settings.stage(section).name
        if found != name:
            raise ConfigError(
                f"[{section}] {found}: the paper's system has {name} there.",
                remedy=f"Leave {section}.name out of --set and --config.",
            )


def _settings(request: Request) -> Settings:
    """The profile with this folder's files."""
    out = request.out
    tables = {
        "segment": {"weights": str(_network_file(out, U2NET))},
        "embed": {"weights": str(_network_file(out, RESNET50))},
        "classify": {
            "weights": str(
                classifier_file(request.out, request.files.get(CLASSIFIER), request.data)
            )
        },
    }
    if request.matting:
        tables["matting"] = {"name": "fba", "weights": str(_network_file(out, FBA))}
    return overlay(request.base, tables, "packsight prepare paper")


def _network_file(out: Path, kind: NetworkKind) -> Path:
    return out / f"{kind.name}.onnx"


def _flag_of(step: Step) -> str:
    return "--weights FILE" if step.name == CLASSIFIER else f"--{step.name} FILE"


def _network_step(kind: NetworkKind, source: Source, out: Path, policy: FetchPolicy) -> Step:
    target, entry = _network_file(out, kind), source.entry
    exported = estimates.NETWORKS[kind.name]
    published = f"{entry.filename} ({size_of(entry)}, {entry.licence})"
    return Step(
        kind.name,
        published if source.file is None else str(source.file),
        files_of(target),
        lambda: file_sha256(source.file) if source.given and source.file else "",
        lambda callbacks: make_network(kind, source, target, policy),
        exported if source.exports else estimates.of_copy(exported.size),
        download=entry if source.file is None else None,
    )
