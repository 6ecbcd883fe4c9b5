"""One run of `packsight train reranker`: evidence in, the file and its card out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine.config import Settings, StageSettings
from engine.errors import ConfigError
from engine.types import Progress
from offline.datasets import Dataset, open_dataset
from offline.evaluate.describing import describe_task
from offline.evaluate.reranking.pairs import Pairs, collect, pooled
from offline.evaluate.task import DescribedTask
from offline.store.run_folder import RunFolder, unwritable
from offline.train.reranker.card import card
from offline.train.reranker.choosing import Choice, choose, cross_chosen, trials
from offline.train.reranker.figures import validated
from offline.train.reranker.folds import divide, hold_out
from offline.train.reranker.models import fit, recipes
from stages.rerank._artefact import SUFFIX, RerankerArtefact, graph_path
from stages.rerank._pair_features import VERSION
from stages.rerank._trees import Trees
from weights.frameworks.network import import_framework

TOP_N = 20
FOLDS = 5
DESCRIBED_BY = ("segment", "matting", "trust", "cutout", "embed", "whiten", "classify")
# Protocols that data sets offer for choosing by; those that judge in the end are left alone.
BY_DEFAULT = ("validation", "queries", "val")


@dataclass(frozen=True)
class RerankerRun:
    """What is asked. No ``protocols``: those in BY_DEFAULT, or the only one there is."""

    data: Path
    out: Path
    protocols: tuple[str, ...] = ()
    model: Literal["logistic", "boosting", "best"] = "best"
    top_n: int = TOP_N
    folds: int = FOLDS
    seed: int = 0


@dataclass(frozen=True)
class Origin:
    """Who described the pairs that were learned from; see ``RerankerArtefact``."""

    data: str = ""
    described: str = ""
    described_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metric: str = ""


@dataclass(frozen=True, eq=False)
class Trained:
    """What came out, and what it was learned from; ``faults``: pictures left out, a sentence
    each."""

    artefact: RerankerArtefact
    pairs: Pairs
    choice: Choice
    faults: tuple[str, ...] = ()


def train_reranker(
    run: RerankerRun, settings: Settings, cache: Path, progress: Progress | None = None
) -> Trained:
    """Fit, choose, write the file and the card beside it.

    Raises ConfigError for data without such protocols, too few queries to learn from and a file
    that cannot be written; StageError and WeightsError as describing does, WeightsError without
    scikit-learn.
    """
    _check(run)
    dataset = open_dataset(run.data)
    unranked = settings.model_copy(update={"rerank": StageSettings(name="none")})
    gathered = {
        name: describe_task(dataset.retrieval(name), unranked, cache, progress)
        for name in _protocols(dataset, run.protocols)
    }
    pairs = pooled([collect(evidence, run.top_n, name) for name, evidence in gathered.items()])
    faults = [fault for evidence in gathered.values() for fault in evidence.faults]
    trained = learn(pairs, run, _origin(dataset, list(gathered.values())), progress)
    write(trained, run.out)
    return Trained(trained.artefact, pairs, trained.choice, tuple(dict.fromkeys(faults)))


def learn(
    pairs: Pairs, run: RerankerRun, origin: Origin, progress: Progress | None = None
) -> Trained:
    """Choose on held-out folds, then fit the choice to all pairs."""
    folds = divide(pairs, run.folds, run.seed)
    tried = trials(pairs, hold_out(pairs, recipes(run.model), folds, run.seed, progress))
    choice = choose(pairs, tried, np.arange(len(pairs.asked)), run.seed)
    recipe = choice.used.held_out.recipe
    artefact = RerankerArtefact(
        scorer=fit(recipe, pairs.rows, pairs.right, run.seed),
        measures=VERSION,
        share=choice.share,
        top_n=run.top_n,
        described=origin.described,
        described_by=origin.described_by,
        metric=origin.metric,
        trained_on=_words(pairs, origin.data),
        seed=run.seed,
        recipe=str(recipe),
        validation=validated(pairs, choice.used.answers, run.seed),
        nested=validated(pairs, cross_chosen(pairs, tried, folds, run.seed), run.seed),
    )
    return Trained(artefact, pairs, choice)


def write(trained: Trained, out: Path) -> None:
    """The file and, beside it, its card in Markdown and its trees if any, the file last.
    ConfigError where that cannot be done."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    folder = RunFolder(out.parent)
    folder.write_text(card_path(out).name, card(trained.artefact, trained.pairs, trained.choice))
    if isinstance(trained.artefact.scorer.model, Trees):
        folder.write(graph_path(out).name, trained.artefact.write_graph)
    folder.write(out.name, trained.artefact.write)


def card_path(out: Path) -> Path:
    return out.with_suffix(".md")


def _check(run: RerankerRun) -> None:
    """What is wrong with the flags, before hours of describing."""
    if run.out.suffix != SUFFIX:
        raise ConfigError(f"{run.out}: the file must be named *{SUFFIX}.")
    if run.top_n < 2:
        raise ConfigError(f"--top-n {run.top_n}: there is nothing to reorder among fewer than 2.")
    if run.folds < 2:
        raise ConfigError(f"--folds {run.folds}: at least 2 are needed to hold one out.")
    if run.model != "logistic":
        for name in ("sklearn", "onnx"):
            import_framework(name)


def _protocols(dataset: Dataset, asked: Sequence[str]) -> tuple[str, ...]:
    offered = dataset.protocols
    usual = tuple(name for name in BY_DEFAULT if name in offered)
    chosen = tuple(asked) or usual or (offered if len(offered) == 1 else ())
    if not chosen:
        raise ConfigError(
            f"{dataset.root}: which protocol of the {dataset.name} data set is to be learned from?",
            remedy=f"Name one with --protocol: {', '.join(offered) or 'it has none'}.",
        )
    return chosen


def _origin(dataset: Dataset, gathered: Sequence[DescribedTask]) -> Origin:
    parts, settings = gathered[0].parts, gathered[0].settings
    tables = settings.tables()
    return Origin(
        data=dataset.name,
        described=parts.fingerprint,
        described_by={
            name: tables[name] for name in DESCRIBED_BY if tables[name].get("name") != "none"
        },
        metric=settings.search.metric,
    )


def _words(pairs: Pairs, data: str) -> str:
    pools = dict.fromkeys(one.pool for one in pairs.asked)
    return (
        f"{len(pairs.rows)} pairs of {len(pairs.asked)} queries"
        f"{f' of {data}' if data else ''}: {', '.join(pools)}"
    )
