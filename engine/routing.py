"""Soft routing: which categories a query is searched in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from engine.config import RouteSettings
from engine.errors import ConfigError
from engine.names import canonical
from engine.types import UNCATEGORISED, CategoryScores, Route


def route(
    scores: CategoryScores,
    held: Sequence[str],
    settings: RouteSettings,
    *,
    knows: Collection[str] | None = None,
    chosen: Sequence[str] | None = None,
    colourless: bool = False,
    exhaustive: bool = False,
) -> Route:
    """The smallest set of categories that holds ``settings.mass`` of the probability, or all
    of at least ``settings.least_probability``; see ``RouteSettings``.

    ``held`` are the categories of the gallery; probabilities of others are dropped and the rest
    is renormalised. ``knows`` are all categories that the classifier can predict (None: it votes
    among the gallery's own): a held category outside it could never be reached, so it is always
    searched, as are uncategorised images. A photo that the classifier calls unknown is searched
    in every category, and so is a ``colourless`` one: its category was predicted by colours that
    it lacks. An ``exhaustive`` search takes all. ``chosen`` overrides everything. Ties in
    probability go in alphabetical order. Raises ConfigError where ``settings`` need a least
    probability and there is none.
    """
    meant = _held_names([*scores.names, *(knows or ())], held)
    sums: dict[str, float] = {}
    for name, value in scores.ranked():
        if name in meant:
            sums[meant[name]] = sums.get(meant[name], 0.0) + value
    mine = dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
    if chosen:
        return _route(dict.fromkeys(chosen), mine, why="as requested")
    total = sum(mine.values())
    if exhaustive:
        first = {name: value / total for name, value in mine.items() if value > 0}
        return _route(dict.fromkeys([*first, *held]), first, why="exhaustive: all")
    if total <= 0:
        return _route(held, mine, unsure=True, why="no category could be predicted: all")
    probabilities = {name: value / total for name, value in mine.items()}
    top, highest = next(iter(probabilities.items()))
    if settings.hard:
        return _route([top], probabilities, why=f"the likeliest, {highest:.0%}")
    if colourless or scores.unknown or highest < settings.unsure_below:
        rest = [name for name in held if name not in probabilities]
        doubt = "looks like no known category" if scores.unknown else "unsure"
        if colourless and not scores.unknown and highest >= settings.unsure_below:
            doubt = "the photo has no colour, by which categories are predicted"
        why = f"{doubt}, the likeliest is {top} with {highest:.0%}: all"
        return _route([*probabilities, *rest], probabilities, unsure=True, why=why)
    if settings.by == "mass":
        kept = _smallest(probabilities, settings.mass)
    else:
        kept = _likely(probabilities, _least(scores, settings))
    why = f"{len(kept)} of {len(held)} categories hold {sum(probabilities[n] for n in kept):.0%}"
    reachable = set(held if knows is None else map(meant.get, knows)) - {UNCATEGORISED}
    beyond = [name for name in held if name not in reachable and name not in kept]
    if beyond:
        why += f"; always searched: {', '.join(beyond)}"
    return _route([*kept, *beyond], probabilities, why=why)


def _held_names(names: Collection[str], held: Sequence[str]) -> dict[str, str]:
    """The held category that each name means: itself, or else the same in another Unicode form."""
    own = {canonical(name): name for name in held} | {name: name for name in held}
    found = {name: own.get(name) or own.get(canonical(name)) for name in names}
    return {name: category for name, category in found.items() if category is not None}


def _smallest(probabilities: Mapping[str, float], mass: float) -> list[str]:
    """Names, likeliest first, until they hold ``mass``."""
    kept: list[str] = []
    held = 0.0
    for name, probability in probabilities.items():
        kept.append(name)
        held += probability
        if held >= mass - 1e-6:  # probabilities are float32
            break
    return kept


def _likely(probabilities: Mapping[str, float], least: float) -> list[str]:
    """Names, likeliest first, of at least ``least``; one at the least."""
    kept = [name for name, value in probabilities.items() if value >= least - 1e-6]
    return kept or [next(iter(probabilities))]


def _least(scores: CategoryScores, settings: RouteSettings) -> float:
    if settings.least_probability > 0:
        return settings.least_probability
    if scores.least is not None:
        return scores.least
    raise ConfigError(
        'route.by = "probability": this classifier has no calibrated least probability.',
        remedy='Set route.least_probability, such as 0.02, or route.by = "mass".',
    )


def _route(
    names: Collection[str], probabilities: Mapping[str, float], *, why: str, unsure: bool = False
) -> Route:
    kept = tuple(names)
    return Route(kept, tuple(probabilities.get(name, 0.0) for name in kept), unsure, why)
