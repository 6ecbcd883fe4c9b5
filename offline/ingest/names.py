"""Notes about the names in a gallery: those that look alike, and products in two categories."""

from __future__ import annotations

from collections.abc import Iterable

from engine.names import look_alike
from offline.ingest.labels import capped


def name_notes(categories: Iterable[str], products: Iterable[tuple[str, str]]) -> list[str]:
    """``products`` are pairs of product and category, in the order of the products."""
    alike: dict[str, list[str]] = {}
    for category in categories:
        alike.setdefault(look_alike(category), []).append(category)
    notes = [
        f"categories look alike and are kept apart: {', '.join(map(repr, names))}"
        for names in alike.values()
        if len(names) > 1
    ]
    first: dict[str, str] = {}
    twins: list[str] = []
    split: list[str] = []
    before = ("", "")
    for product, category in products:
        if product == before[0]:
            split.append(
                f"product {product!r} is in two categories, {before[1]!r} and {category!r}"
            )
        else:
            # Folders are compared as categories; products of two folders only look alike.
            folder, slash, name = product.rpartition("/")
            twin = first.setdefault(f"{folder}{slash}{look_alike(name)}", product)
            if twin != product:
                twins.append(f"products look alike and are kept apart: {twin!r}, {product!r}")
        before = (product, category)
    return [*capped(notes), *capped(split), *capped(twins)]
