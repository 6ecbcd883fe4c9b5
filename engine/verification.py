"""Print as evidence: the first hits again, by the places that a photo and a catalogue image share.

Spatial verification: Philbin, Chum, Isard, Sivic, Zisserman, "Object Retrieval with Large
Vocabularies and Fast Spatial Matching", CVPR 2007. There the number of inliers alone decides; here
it raises a hit from where the other evidence put it, since siblings of one line share print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from engine.adaptation import Adaptation
from engine.errors import DamageError
from engine.keypoints import UNLIKE, KeypointMatch, Keypoints, TentativeMatch
from engine.protocols import KeypointMatcher
from engine.types import Description, Hit


def verified(
    query: Description,
    hits: Sequence[Hit],
    matcher: KeypointMatcher,
    alike: Mapping[int, TentativeMatch] = MappingProxyType({}),
    *,
    all_matches: bool = False,
    weight: float | None = None,
) -> list[Hit]:
    """The first ``checked`` hits, and those that are in ``alike`` by id, in the order of all
    evidence, renumbered from 1; the others follow as they were. Their ``match`` is set where it was
    needed; with ``all_matches`` wherever there may be evidence, which changes no order.

    A hit of rank r has the value 1 / r, and ``weight`` (None: the matcher's) more for every
    doubling of the matching places beyond ``least``; fewer are no evidence, and no evidence is none
    against a hit. Places that look alike bound those that also lie alike: only hits whose order
    that leaves open are compared by them, and, unless ``weight`` is 0, the first, whose evidence
    users see.
    """
    weight = matcher.weight if weight is None else weight
    places = [at for at, hit in enumerate(hits) if at < matcher.checked or hit.record.id in alike]
    head = [hits[at] for at in places]
    new = [hit for hit in head if hit.record.id not in alike]
    compared = matches(query, new, matcher)
    known = {hit.record.id: one for hit, one in zip(new, compared or (), strict=False)}
    found = [{**known, **alike}.get(hit.record.id, UNLIKE) for hit in head]
    order, seen = in_order(found, places, matcher.least, weight, all_matches=all_matches)
    for at, match in seen.items():
        head[at] = replace(head[at], match=match)
    answer = [
        explained(head[at], matcher.least, raised_to=rank if rank <= places[at] else None)
        for rank, at in enumerate(order, start=1)
    ]
    taken = set(places)
    rest = [hit for at, hit in enumerate(hits) if at not in taken]
    return [hit.at(rank) for rank, hit in enumerate([*answer, *rest], start=1)]


def in_order(
    found: Sequence[TentativeMatch],
    places: Sequence[int],
    least: int,
    weight: float,
    *,
    all_matches: bool = False,
) -> tuple[list[int], dict[int, KeypointMatch]]:
    """As ``verified``, of what was ``found`` of hits at these places, from 0 and ascending: the
    numbers of the hits in the order of all evidence, and the matches that were needed for it."""
    values = np.array([1 / (at + 1) for at in places])
    bounds = values + weight * evidence([one.at_most for one in found], least)
    likely = [at for at, one in enumerate(found) if one.at_most > least]
    seen: dict[int, KeypointMatch] = {}
    for at in likely if all_matches else _open(values, bounds):
        seen[at] = found[at].verify()
        values[at] += weight * float(evidence([seen[at].inliers], least)[0])
    order: list[int] = np.argsort(-values, kind="stable").tolist()
    return order, seen


def weight_of(matcher: KeypointMatcher, adaptation: Adaptation | None) -> float:
    """The weight that the gallery taught in place of the matcher's, where print is compared as
    there; another one that is set for a search stands."""
    taught = None if adaptation is None else adaptation.print_weight
    own = (matcher.weight, matcher.least, matcher.checked)
    if taught is None or (taught.instead_of, taught.least, taught.checked) != own:
        return matcher.weight
    return taught.weight


def matches(
    query: Description, hits: Sequence[Hit], matcher: KeypointMatcher
) -> list[TentativeMatch] | None:
    """Aligned with the hits; None where the query or all hits lack keypoints. DamageError for an
    image whose descriptors have another width than the query's."""
    theirs = [hit.record.description.keypoints for hit in hits]
    if query.keypoints is None or not any(theirs):
        return None
    names = [f"image {hit.record.id} ({hit.record.uri})" for hit in hits]
    return compared(query.keypoints, theirs, names, matcher)


def compared(
    query: Keypoints,
    candidates: Sequence[Keypoints | None],
    names: Sequence[str],
    matcher: KeypointMatcher,
) -> list[TentativeMatch]:
    """Aligned with the candidates, which ``names`` name in a DamageError; see ``matches``."""
    width = query.descriptors.shape[1]
    for name, one in zip(names, candidates, strict=True):
        if one and one.descriptors.shape[1] != width:
            raise DamageError(
                f"{name} is damaged (keypoints of {one.descriptors.shape[1]} numbers, "
                f"not {width}).",
                remedy="List all damage with: packsight gallery check DIR",
            )
    return matcher.match(query, [one or Keypoints.none(width) for one in candidates])


def evidence(inliers: Sequence[int], least: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(N,): doublings beyond ``least``; 0 for fewer."""
    return np.log2(np.maximum(np.array(inliers, np.float64) / least, 1.0))


def words(match: KeypointMatch | None) -> str:
    """What a user reads; "" for places that are not evident and raised nothing."""
    if match is None or not (match.evident or match.raised_to):
        return ""
    if match.evident:
        found = f"{match.inliers} matching places on the label"
    else:
        found = f"{match.inliers} places alike, perhaps by chance"
    found += ", mirrored" if match.mirrored else ""
    if match.raised_to is None:
        return found
    return f"{found}{',' if ',' in found else ''} raise its image to place {match.raised_to}"


def _open(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    bounds: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> list[int]:
    """The first, and those that may pass another or be passed by another, whose value may lie
    between ``values`` and ``bounds``; ``values`` descend."""
    reached = np.maximum.accumulate(bounds[::-1])[::-1]  # the best that this or a later may reach
    passed = np.append(reached[1:], -np.inf) > values
    passes = bounds > np.append(np.inf, values[:-1])
    gains = bounds > values
    return [at for at in range(len(values)) if gains[at] and (at == 0 or passed[at] or passes[at])]


def explained(hit: Hit, least: int, raised_to: int | None = None) -> Hit:
    """With its matching places as one more reason, where they are evident or raised it to that
    rank."""
    if hit.match is None:
        return hit
    match = replace(hit.match.judged(least), raised_to=raised_to)
    return replace(hit, match=match, why="; ".join(filter(None, (hit.why, words(match)))))


def other_reasons(hit: Hit) -> str:
    """Its ``why`` without the matching places, for where these are shown apart."""
    return hit.why.removesuffix(words(hit.match)).removesuffix("; ")
