"""The tables of ``offline.markdown``, under the name that the benchmarks know."""

from offline.markdown import markdown

__all__ = ["markdown"]
