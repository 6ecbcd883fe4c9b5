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


@dataclass(frozen=True, eq=False)
class Common:
    """The items that count in both, in order of their ids; see ``paired.estimates``."""

    items: tuple[str, ...]
    sums: npt.NDArray[np.float64]  # (items,) of differences, after minus before
    counts: npt.NDArray[np.float64]  # (items,) of sample pairs

    @property
    def number(self) -> int:
        return int(np.count_nonzero(self.counts))


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
    old, new = (
        _samples(group, figure)
        for group, figure in zip(pair.groups, (pair.before, pair.after), strict=True)
    )
    if old is None or new is None:
        return None
    items = tuple(sorted(old.keys() & new.keys()))
    sums, counts = np.zeros(len(items)), np.zeros(len(items))
    for place, item in enumerate(items):
        for was, now in zip(old[item], new[item], strict=False):
            if was is not None and now is not None:
                sums[place] += now - was
                counts[place] += 1
    return Common(items, sums, counts)


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
