"""A filter on attributes in SQL: by the table that has them as rows, in time that grows with what
passes, or where there is none by the column ``attributes`` of every image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import chain

import numpy as np

from engine.galleries._connection import IDS, Connection
from engine.request import Condition, Filter
from engine.types import IntArray

ATTRIBUTES = "image_attributes"
_OF_CATEGORIES = "category IN (SELECT value FROM json_each(?))"
# To look at an image takes as long as to read the ids or values of so many.
_LOOKUP = 10


def pairs(attributes: str) -> str:
    """A table of ``key`` and ``value`` of such a column; damaged attributes have none."""
    return f"json_each(CASE WHEN json_valid({attributes}) THEN {attributes} ELSE '{{}}' END)"


def rows(images: str, longest: int) -> str:
    """A query: the rows of such images, with texts of at most ``longest`` characters."""
    return (
        f"SELECT DISTINCT substr(key, 1, {longest}), substr(value, 1, {longest}), {images}.id "
        f"FROM {images}, {pairs(f'{images}.attributes')} "
        f"WHERE {images}.attributes <> '{{}}' AND value IS NOT NULL"
    )


def deriving(longest: int) -> tuple[str, str]:
    """Statements that derive the table from all images."""
    return (
        f"DELETE FROM {ATTRIBUTES}",
        f"INSERT INTO {ATTRIBUTES} (name, value, image) {rows('images', longest)} ORDER BY 1, 2, 3",
    )


def is_in_step(connection: Connection) -> bool:
    """Whether the table ``ATTRIBUTES`` is that of the images."""
    held = f"SELECT name, value, image FROM {ATTRIBUTES}"
    fresh = rows("images", connection.longest)
    sql = f"SELECT EXISTS ({held} EXCEPT {fresh}) OR EXISTS ({fresh} EXCEPT {held})"
    return not connection.execute(sql).fetchone()[0]


def matching(
    connection: Connection,
    where: Filter,
    categories: Sequence[str] | None,
    images: Mapping[str, int],
) -> IntArray:
    """Ids in ascending order of the images that pass; ``images`` a category of the gallery.
    ``Filter.holds`` is the plain twin."""
    chosen = set(images) if categories is None else images.keys() & categories
    count = sum(images[one] for one in chosen)
    # A range looks at all values of its attribute, whatever the categories.
    few = any(one.any_of == () for one in chain(*where.clauses)) and (
        _LOOKUP * count < sum(images.values())
    )
    long = any(
        len(text) >= connection.longest
        for one in chain(*where.clauses)
        for text in (one.attribute, *one.any_of)
    )
    if few or long or not connection.columns(ATTRIBUTES):
        return _by_column(connection, where, categories)
    passing = [_any([_holding(connection, one) for one in clause]) for clause in where.clauses]
    passing.sort(key=len)
    found = reduce(lambda a, b: np.intersect1d(a, b, True), passing) if passing else None
    if chosen == images.keys():
        return np.sort(_ids(connection, "SELECT id FROM images")) if found is None else found
    wanted = json.dumps(sorted(chosen))
    if found is not None and _LOOKUP * len(found) < count:
        sql = f"SELECT id FROM images WHERE id IN {IDS} AND {_OF_CATEGORIES}"
        return np.sort(_ids(connection, sql, json.dumps(found.tolist()), wanted))
    held = np.sort(_ids(connection, f"SELECT id FROM images WHERE {_OF_CATEGORIES}", wanted))
    return held if found is None else np.intersect1d(found, held, True)


def _holding(connection: Connection, one: Condition) -> IntArray:
    """Ids in no order."""
    sql = f"SELECT image AS id FROM {ATTRIBUTES} WHERE name = ? AND value IN "
    if one.any_of:
        values = json.dumps(list(one.any_of))
        return _ids(connection, f"{sql}(SELECT value FROM json_each(?))", one.attribute, values)
    fits, bounds = _between(one, connection.leading_number)
    # Numbers are read once a value, not once an image.
    distinct = f"SELECT DISTINCT value FROM {ATTRIBUTES} WHERE name = ?"
    sql += f"(WITH given AS MATERIALIZED ({distinct}) SELECT value FROM given WHERE {fits})"
    return _ids(connection, sql, one.attribute, one.attribute, *bounds)


def _any(some: Sequence[IntArray]) -> IntArray:
    """In ascending order, each once."""
    ids = np.sort(np.concatenate(some))
    first = np.append(True, ids[1:] != ids[:-1])[: len(ids)]
    return np.asarray(ids[first], np.int64)


def _between(one: Condition, leading_number: str) -> tuple[str, list[object]]:
    """A condition on the column ``value``."""
    bounds = [(one.at_least, ">="), (one.at_most, "<=")]
    given = [(float(bound), sign) for bound, sign in bounds if bound is not None]
    fits = " AND ".join(f"{leading_number} {sign} ?" for _, sign in given)
    return fits, [bound for bound, _ in given]


def _ids(connection: Connection, sql: str, *values: object) -> IntArray:
    """Of a column ``id``, in no order. As one text: a row for each takes five times as long."""
    row = connection.execute(
        f"SELECT group_concat(id, ' ') FROM ({sql}) AS found", values
    ).fetchone()
    return np.fromstring(row[0] or "", np.int64, sep=" ")


def _by_column(connection: Connection, where: Filter, categories: Sequence[str] | None) -> IntArray:
    """Every image of the categories is looked at, and no other."""
    held, values = "SELECT id, attributes FROM images", list[object]()
    if categories is not None:
        held += f" WHERE {_OF_CATEGORIES}"
        values.append(json.dumps(list(categories)))
    clauses = ["1 = 1"]
    for clause in where.clauses:
        one_of = " OR ".join(_exists(one, values, connection.leading_number) for one in clause)
        clauses.append(f"({one_of})")
    sql = f"WITH held AS MATERIALIZED ({held}) SELECT id FROM held WHERE {' AND '.join(clauses)}"
    return np.sort(_ids(connection, sql, *values))


def _exists(one: Condition, values: list[object], leading_number: str) -> str:
    values.append(one.attribute)
    if one.any_of:
        values.append(json.dumps(list(one.any_of)))
        fits = "value IN (SELECT value FROM json_each(?))"
    else:
        fits, bounds = _between(one, leading_number)
        values += bounds
    return f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ? AND {fits})"
