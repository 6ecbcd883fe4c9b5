"""Rows of Euclidean length 1, for the embedders; queries are brought to it by the same code."""

from __future__ import annotations

from engine.vectors import unit_rows

__all__ = ["unit_rows"]
