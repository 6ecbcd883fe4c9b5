"""Online: answer photos from a gallery."""

from online.query import query

__all__ = ["query"]
