"""A filter on attributes as a condition of SQL, over the column ``attributes`` of ``images``."""

from __future__ import annotations

import json

from engine.request import Condition, Filter


def condition(where: Filter, leading_number: str) -> tuple[str, list[object]]:
    """A condition that ``Filter.holds`` is the plain twin of, and the values of its marks;
    ``leading_number`` as of ``Connection``."""
    clauses, values = ["1 = 1"], list[object]()
    for clause in where.clauses:
        one_of = " OR ".join(_exists(one, values, leading_number) for one in clause)
        clauses.append(f"({one_of})")
    return " AND ".join(clauses), values


def _exists(one: Condition, values: list[object], leading_number: str) -> str:
    values.append(one.attribute)
    if one.any_of:
        values.append(json.dumps(list(one.any_of)))
        fits = "value IN (SELECT value FROM json_each(?))"
    else:
        fits = "1 = 1"
        for bound, sign in ((one.at_least, ">="), (one.at_most, "<=")):
            if bound is not None:
                values.append(float(bound))
                fits += f" AND {leading_number} {sign} ?"
    return f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ? AND {fits})"
