"""A chart of too many categories shows the worst, in their own order, and says so."""

from __future__ import annotations

from offline.evaluate.lowest import lowest


def test_all_are_shown_where_there_is_room() -> None:
    assert lowest({"b": 0.1, "a": 0.9}, most=2) == (("b", "a"), "")


def test_the_worst_are_shown_in_their_order_and_the_rest_is_counted() -> None:
    names, note = lowest({"d": 0.5, "c": 0.9, "b": 0.1, "a": 0.5}, most=2)
    assert names == ("b", "a")  # of the two at 0.5 the first by name
    assert note == "The 2 categories that do worst; 2 more do better."
