"""A filter on attributes as a condition of SQL, over the column ``attributes`` of ``images``."""

from __future__ import annotations

import json

from engine.request import Condition, Filter

# A value that begins with a number, as ``engine.request`` reads it; CAST makes 0 of others.
_NUMERIC = "(ltrim(value, ' ') GLOB '[0-9]*' OR ltrim(value, ' ') GLOB '[+-][0-9]*')"


def condition(where: Filter) -> tuple[str, list[object]]:
    """A condition that ``Filter.holds`` is the plain twin of, and the values of its marks."""
    clauses, values = ["1"], list[object]()
    for clause in where.clauses:
        clauses.append(f"({' OR '.join(_exists(one, values) for one in clause)})")
    return " AND ".join(clauses), values


def _exists(one: Condition, values: list[object]) -> str:
    values.append(one.attribute)
    if one.any_of:
        values.append(json.dumps(list(one.any_of)))
        fits = "value IN (SELECT value FROM json_each(?))"
    else:
        fits = _NUMERIC
        for bound, sign in ((one.at_least, ">="), (one.at_most, "<=")):
            if bound is not None:
                values.append(float(bound))
                fits += f" AND CAST(value AS REAL) {sign} ?"
    return f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ? AND {fits})"
