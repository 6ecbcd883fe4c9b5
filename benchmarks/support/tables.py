"""The tables of ``offline.report.tables``, under the name that the benchmarks know."""

from offline.report.tables import markdown

__all__ = ["markdown"]
