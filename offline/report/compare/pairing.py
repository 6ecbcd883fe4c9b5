"""Which figures of two reports belong together, and which of their samples."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offline.report.document import Figure, Group, Report, System
from offline.report.overview import Place, places


@dataclass(frozen=True)
class Pair:
    """One figure of both reports and the groups they stand in; ``system`` names both."""

    system: str
    place: Place
    before: Figure
    after: Figure
    groups: tuple[Group, Group]


@dataclass(frozen=True)
class Pairs:
    """``vanished`` and ``appeared`` are places of figures with a value in one report only."""

    pairs: tuple[Pair, ...]
    vanished: tuple[str, ...]
    appeared: tuple[str, ...]


Unit = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Common:
    """The items that count in both, added up by what is resampled together: the items of one
    cluster, or each alone where a report has no clusters. ``units`` ascend."""

    units: tuple[Unit, ...]
    sums: npt.NDArray[np.float64]  # (units,) of differences, after minus before
    counts: npt.NDArray[np.float64]  # (units,) of sample pairs
    items: int


def paired_figures(before: Report, after: Report) -> Pairs:
    """By system, stage, group and name, in the order of ``before``; systems by their names, or
    the only ones of both."""
    pairs: list[Pair] = []
    vanished: list[str] = []
    appeared: list[str] = []
    for name, old, new in _systems(before, after):
        was, now = _by_place(old), _by_place(new)
        for place, (group, figure) in was.items():
            other = now.get(place)
            if other is not None and _both_or_none(figure, other[1]):
                pairs.append(Pair(name, place, figure, other[1], (group, other[0])))
        vanished += _only(name, was, now)
        appeared += _only(name, now, was)
    return Pairs(tuple(pairs), tuple(vanished), tuple(appeared))


def common_items(pair: Pair) -> Common | None:
    """None where a figure has no samples. An item that stands several times in a group has its
    first sample compared with its first, its second with its second."""
    figures = (pair.before, pair.after)
    old, new = (_samples(*one) for one in zip(pair.groups, figures, strict=True))
    if old is None or new is None:
        return None
    unit_of = _units(*pair.groups)
    gathered: dict[Unit, list[float]] = {unit_of[item]: [] for item in old.keys() & new.keys()}
    items = 0
    for item in sorted(old.keys() & new.keys()):
        both = zip(old[item], new[item], strict=False)
        found = [now - was for was, now in both if was is not None and now is not None]
        gathered[unit_of[item]] += found
        items += bool(found)
    units = tuple(sorted(gathered))
    sums = np.array([sum(gathered[unit]) for unit in units], np.float64)
    counts = np.array([len(gathered[unit]) for unit in units], np.float64)
    return Common(units, sums, counts, items)


def _units(before: Group, after: Group) -> dict[str, Unit]:
    """What each item is resampled with; clusters count where both reports have them."""
    if not (before.clusters and after.clusters):
        return {item: (item, item) for item in (*before.items, *after.items)}
    old, new = (dict(zip(g.items, g.clusters, strict=True)) for g in (before, after))
    return {item: (old[item], new[item]) for item in old.keys() & new.keys()}


_Found = dict[Place, tuple[Group, Figure]]


def _systems(before: Report, after: Report) -> list[tuple[str, System | None, System | None]]:
    if len(before.systems) == len(after.systems) == 1:
        old, new = before.systems[0], after.systems[0]
        name = old.name if old.name == new.name else f"{old.name} → {new.name}"
        return [(name, old, new)]
    was, now = ({system.name: system for system in one.systems} for one in (before, after))
    return [(name, was.get(name), now.get(name)) for name in dict.fromkeys([*was, *now])]


def _by_place(system: System | None) -> _Found:
    if system is None:
        return {}
    return {place: (group, figure) for place, group, figure in places(system.sections)}


def _both_or_none(one: Figure, other: Figure) -> bool:
    return (one.value is None) == (other.value is None)


def _only(system: str, here: _Found, there: _Found) -> list[str]:
    missing = []
    for place, (_, figure) in here.items():
        other = there.get(place)
        if figure.value is not None and (other is None or other[1].value is None):
            missing.append(f"{system} / {place}")
    return missing


def _samples(group: Group, figure: Figure) -> dict[str, list[float | None]] | None:
    if figure.samples is None:
        return None
    found: dict[str, list[float | None]] = defaultdict(list)
    for item, sample in zip(group.items, figure.samples, strict=True):
        found[item].append(sample)
    return found
