"""The card beside a learned reranker: what it learned from, whether it helps, what it looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.adapt.reranking.measure import WEIGHTS_MEAN, effects
from offline.adapt.reranking.pairs import Pairs
from offline.adapt.reranking.selection import Choice
from offline.report.tables import markdown
from offline.train.card import Card
from stages.rerank._artefact import RerankerArtefact, Validation
from stages.rerank._pair_features import MEANINGS
from stages.rerank._scorer import Scorer

_HEAD = (
    "protocol",
    "queries",
    "R@1 without",
    "with",
    "MRR without",
    "with",
    "mAP without",
    "with",
    "MRR gained (95 %)",
)


def card(artefact: RerankerArtefact, pairs: Pairs, choice: Choice) -> str:
    """Markdown."""
    introduction = (
        f"Trained with `packsight train reranker` (seed {artefact.seed}) on "
        f"{artefact.trained_on}. It reorders the first {artefact.top_n} images.\n\n"
        f"{verdict(artefact)}"
    )
    chosen = (
        "the best of what was tried, which is not used"
        if artefact.share == 0
        else "the model and the share that were chosen"
    )
    sections = {
        "Validation": f"By fits that saw nothing of a query's product or family, for {chosen}:\n\n"
        f"{table(artefact.validation)}\n\n"
        "The same where the choice saw nothing of them either, which is what to expect of other "
        f"images:\n\n{table(artefact.nested)}",
        "What it looks at": _looks_at(artefact.scorer),
        "What each feature is worth": "How far R@1 and MRR fall on the validation queries when a "
        f"feature is held at its mean:\n\n{_effects(pairs, choice, artefact.scorer)}",
    }
    return Card(f"Learned reranker: {artefact.recipe}", introduction, sections).text()


def verdict(artefact: RerankerArtefact) -> str:
    """One sentence: whether the learned order is used."""
    if artefact.share == 0:
        return (
            "No learned order was better than the retrieval's on validation without being worse "
            "on a part of it: share 0, the order of retrieval stands."
        )
    return (
        f"Its value is {artefact.share:.0%} of what was learned; the rest is the retrieval's score."
    )


def table(validations: Sequence[Validation]) -> str:
    rows = [
        [
            validation.pool,
            str(validation.queries),
            f"{validation.before.recall:.3f}",
            f"{validation.after.recall:.3f}",
            f"{validation.before.reciprocal:.3f}",
            f"{validation.after.reciprocal:.3f}",
            f"{validation.before.precision:.3f}",
            f"{validation.after.precision:.3f}",
            f"{validation.gain[0]:+.4f} ({validation.gain[1]:+.4f} to {validation.gain[2]:+.4f})",
        ]
        for validation in validations
    ]
    return markdown(_HEAD, rows)


def _looks_at(scorer: Scorer) -> str:
    weights, kind = scorer.weights, scorer.model.kind
    strongest = sorted(range(len(weights)), key=lambda at: -abs(weights[at]))
    form = "{:+.3f}" if kind == "logistic" else "{:.3f}"
    rows = [
        [scorer.features[at], MEANINGS[scorer.features[at]], form.format(weights[at])]
        for at in strongest
    ]
    table = markdown(("feature", "meaning", "weight"), rows)
    return f"The weight is {WEIGHTS_MEAN[kind]}.\n\n{table}"


def _effects(pairs: Pairs, choice: Choice, scorer: Scorer) -> str:
    """R@1 and MRR over all queries, MRR for each protocol where there are several."""
    used, level = choice.used, np.array(scorer.means)
    pools = np.array([query.pool for query in pairs.queries], np.str_)
    names = list(dict.fromkeys(pools.tolist()))
    masks = {name: pools == name for name in names} if len(names) > 1 else {}
    valued = used.held_out.valued(used.share)
    whole = effects(pairs, valued, level)
    parts = [effects(pairs, valued, level, mask) for mask in masks.values()]
    rows = [
        [
            effect.name,
            f"{effect.recall:+.4f}",
            f"{effect.reciprocal:+.4f}",
            *(f"{part[at].reciprocal:+.4f}" for part in parts),
        ]
        for at, effect in enumerate(whole)
    ]
    return markdown(("feature", "R@1", "MRR", *(f"MRR, {name}" for name in masks)), rows)
