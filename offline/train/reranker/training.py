"""One run of `packsight train reranker`: queries with known answers in, a file and card out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import Settings, StageSettings
from engine.errors import ConfigError
from engine.types import Progress
from offline.adapt.reranking.models import fit, tried
from offline.adapt.reranking.pairs import Pairs, pooled
from offline.adapt.reranking.selection import (
    Choice,
    choose,
    cross_chosen,
    divide,
    hold_out,
    trials,
    validated,
)
from offline.datasets import Dataset, open_dataset
from offline.evaluate.describing import describe_task
from offline.evaluate.reranking.pairs import collect
from offline.evaluate.task import DescribedTask
from offline.store.run_folder import RunFolder, unwritable
from offline.train.reranker.card import card
from offline.train.reranker.recipe import BY_DEFAULT, RerankerRecipe
from stages.rerank._artefact import RerankerArtefact, graph_path
from stages.rerank._pair_features import VERSION
from stages.rerank._trees import Trees
from weights.frameworks.network import import_framework

DESCRIBED_BY = ("segment", "matting", "trust", "cutout", "embed", "whiten", "classify")


@dataclass(frozen=True)
class Origin:
    """The data and the describing parts of the pairs; see ``RerankerArtefact``."""

    data: str = ""
    described: str = ""
    described_by: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metric: str = ""


@dataclass(frozen=True, eq=False)
class Trained:
    """``faults``: a sentence for each image that was left out."""

    artefact: RerankerArtefact
    pairs: Pairs
    choice: Choice
    faults: tuple[str, ...] = ()


def train_reranker(
    recipe: RerankerRecipe, settings: Settings, cache: Path, progress: Progress | None = None
) -> Trained:
    """Fit, choose, write the file and the card beside it.

    Raises ConfigError for data without such protocols, too few queries to learn from and a file
    that cannot be written; StageError and WeightsError as describing does, WeightsError without
    scikit-learn.
    """
    if recipe.model != "logistic":  # before hours of describing
        for name in ("sklearn", "onnx"):
            import_framework(name)
    dataset = open_dataset(recipe.data)
    unranked = settings.model_copy(update={"rerank": StageSettings(name="none")})
    gathered = {
        name: describe_task(dataset.retrieval(name), unranked, cache, progress)
        for name in _protocols(dataset, recipe.protocols)
    }
    pairs = pooled([collect(evidence, recipe.top_n, name) for name, evidence in gathered.items()])
    faults = [fault for evidence in gathered.values() for fault in evidence.faults]
    trained = learn(pairs, recipe, _origin(dataset, list(gathered.values())), progress)
    write(trained, recipe.out)
    return Trained(trained.artefact, pairs, trained.choice, tuple(dict.fromkeys(faults)))


def learn(
    pairs: Pairs, recipe: RerankerRecipe, origin: Origin, progress: Progress | None = None
) -> Trained:
    """Choose on held-out folds, then fit the choice to all pairs."""
    seed, folds = recipe.seed, divide(pairs, recipe.folds, recipe.seed)
    judged = trials(pairs, hold_out(pairs, tried(recipe.model), folds, seed, progress))
    choice = choose(pairs, judged, np.arange(len(pairs.queries)), seed)
    chosen = choice.used.held_out.chosen
    artefact = RerankerArtefact(
        scorer=fit(chosen, pairs.rows, pairs.right, seed),
        measures=VERSION,
        share=choice.share,
        top_n=recipe.top_n,
        described=origin.described,
        described_by=origin.described_by,
        metric=origin.metric,
        trained_on=_words(pairs, origin.data),
        seed=seed,
        recipe=str(chosen),
        validation=validated(pairs, choice.used.answers, seed),
        nested=validated(pairs, cross_chosen(pairs, judged, folds, seed), seed),
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


def _protocols(dataset: Dataset, given: Sequence[str]) -> tuple[str, ...]:
    offered = dataset.protocols
    usual = tuple(name for name in BY_DEFAULT if name in offered)
    chosen = tuple(given) or usual or (offered if len(offered) == 1 else ())
    if not chosen:
        raise ConfigError(
            f"{dataset.root}: the {dataset.name} data set has several protocols to learn from.",
            remedy=f"Name one with --protocol: {', '.join(offered) or 'it has none'}.",
        )
    return chosen


def _origin(dataset: Dataset, gathered: Sequence[DescribedTask]) -> Origin:
    parts, settings = gathered[0].parts, gathered[0].settings
    tables = settings.tables()
    return Origin(
        data=dataset.name,
        described=parts.looks_fingerprint,
        described_by={
            name: tables[name] for name in DESCRIBED_BY if tables[name].get("name") != "none"
        },
        metric=settings.search.metric,
    )


def _words(pairs: Pairs, data: str) -> str:
    pools = dict.fromkeys(query.pool for query in pairs.queries)
    return (
        f"{len(pairs.rows)} pairs of {len(pairs.queries)} queries"
        f"{f' of {data}' if data else ''}: {', '.join(pools)}"
    )
