"""Masks held against exact mattes: what finds them, how good they are, how they look."""
