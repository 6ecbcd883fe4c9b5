"""Online: search a gallery by photo."""

from online.query import query

__all__ = ["query"]
