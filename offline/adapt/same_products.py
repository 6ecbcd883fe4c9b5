"""Products that people called the same: for what is fitted they are one, with the images of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from engine.curation import Curation
from engine.decisions import Judgement, Pair
from engine.protocols import Gallery


def same_products(gallery: Gallery) -> dict[str, str]:
    """For every product that is the same as others, the one of them that stands for all: the first
    in the order of ids.

    By pairs of catalogue images, and by judgements of catalogue images as queries. Two products
    that are different in the eyes of a person are not joined, nor by way of a third; what is about
    content that several products share is passed over.
    """
    with Curation.open(gallery.address) as curation:
        pairs, judgements = curation.pairs(), curation.judgements()
    if not pairs and not judgements:
        return {}
    shown: dict[str, set[str]] = defaultdict(set)  # products by sha256
    order: dict[str, int] = {}
    for source in gallery.sources():
        shown[source.sha256].add(source.product_id)
        order.setdefault(source.product_id, len(order))
    named = {sha256: next(iter(names)) for sha256, names in shown.items() if len(names) == 1}
    told = list(_products(pairs, judgements, named))
    apart = [set(two) for two, same in told if not same and two[0] != two[1]]
    groups = {name: {name} for name in order}
    for (one, other), same in told:
        if not same or not {one, other} <= order.keys() or groups[one] is groups[other]:
            continue
        if any(two <= groups[one] | groups[other] for two in apart):
            continue
        groups[one] |= groups[other]
        for name in groups[other]:
            groups[name] = groups[one]
    return {
        name: min(group, key=order.__getitem__) for name, group in groups.items() if len(group) > 1
    }


def _products(
    pairs: list[Pair], judgements: list[Judgement], named: Mapping[str, str]
) -> Iterator[tuple[tuple[str, str], bool]]:
    """Two products, and whether they are the same."""
    for pair in pairs:
        if pair.first in named and pair.second in named and pair.verdict != "same image":
            products = (named[pair.first], named[pair.second])
            yield products, pair.verdict == "same product"
    for judgement in judgements:
        if judgement.query in named:
            yield (named[judgement.query], judgement.product), judgement.same
