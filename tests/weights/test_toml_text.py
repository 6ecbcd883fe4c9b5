"""What is written as TOML is read back as it was."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weights.toml_text import toml_lines, toml_value

scalars = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_a_table_survives_the_way_through_a_file(table: dict[str, object]) -> None:
    assert tomllib.loads("\n".join(toml_lines(table))) == table


@pytest.mark.parametrize("value", [None, object(), ["a", None], "caf\udce9", {"\udce9": 1}])
def test_what_toml_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"TOML|UTF-8"):
        toml_value(value)
