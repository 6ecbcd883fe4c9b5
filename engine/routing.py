"""Soft routing: which categories a query is searched in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.config import RouteSettings
from engine.errors import ConfigError
from engine.types import UNCATEGORISED, CategoryScores, Route


def route(
    scores: CategoryScores,
    held: Sequence[str],
    settings: RouteSettings,
    *,
    knows: Collection[str] | None = None,
    chosen: Sequence[str] | None = None,
) -> Route:
    """The smallest set of categories that holds ``settings.mass`` of the probability, or all
    of at least ``settings.least_probability``; see ``RouteSettings``.

    ``held`` are the categories of the gallery; probability on others counts for nothing and
    the rest is renormalised. ``knows`` are all that the classifier can ever predict (None: it
    votes among the gallery's own): a held category outside it could never be reached, so it is
    always searched, as are uncategorised pictures. A photo that the classifier calls unknown is
    searched in every category. ``chosen`` overrides everything. Ties in probability go in
    alphabetical order. Raises ConfigError where a least probability is asked for and none known.
    """
    mine = {name: share for name, share in scores.ranked() if name in set(held)}
    if chosen:
        return _route(dict.fromkeys(chosen), mine, why="as asked")
    total = sum(mine.values())
    if total <= 0:
        return _route(held, mine, unsure=True, why="no category could be predicted: all")
    shares = {name: share / total for name, share in mine.items()}
    top, share = next(iter(shares.items()))
    if settings.hard:
        return _route([top], shares, why=f"the likeliest, {share:.0%}")
    if scores.unknown or share < settings.unsure_below:
        rest = [name for name in held if name not in shares]
        doubt = "looks like no known category" if scores.unknown else "unsure"
        why = f"{doubt}, the likeliest is {top} with {share:.0%}: all"
        return _route([*shares, *rest], shares, unsure=True, why=why)
    if settings.by == "mass":
        kept = _smallest(shares, settings.mass)
    else:
        kept = _likely(shares, _least(scores, settings))
    why = f"{len(kept)} of {len(held)} categories hold {sum(shares[n] for n in kept):.0%}"
    beyond = [name for name in held if name not in kept and _unreachable(name, knows)]
    if beyond:
        why += f"; always searched: {', '.join(beyond)}"
    return _route([*kept, *beyond], shares, why=why)


def _smallest(shares: Mapping[str, float], mass: float) -> list[str]:
    """Names, likeliest first, until they hold ``mass``."""
    kept: list[str] = []
    held = 0.0
    for name, share in shares.items():
        kept.append(name)
        held += share
        if held >= mass - 1e-6:  # probabilities are float32
            break
    return kept


def _likely(shares: Mapping[str, float], least: float) -> list[str]:
    """Names, likeliest first, of at least ``least``; never none."""
    kept = [name for name, share in shares.items() if share >= least - 1e-6]
    return kept or [next(iter(shares))]


def _least(scores: CategoryScores, settings: RouteSettings) -> float:
    if settings.least_probability > 0:
        return settings.least_probability
    if scores.least is not None:
        return scores.least
    raise ConfigError(
        'route.by = "probability": this classifier has no calibrated least probability.',
        remedy='Set route.least_probability, such as 0.02, or route.by = "mass".',
    )


def _unreachable(name: str, knows: Collection[str] | None) -> bool:
    return name == UNCATEGORISED or (knows is not None and name not in knows)


def _route(
    names: Collection[str], shares: Mapping[str, float], *, why: str, unsure: bool = False
) -> Route:
    kept = tuple(names)
    return Route(kept, tuple(shares.get(name, 0.0) for name in kept), unsure, why)
