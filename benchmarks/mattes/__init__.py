"""Masks held against exact mattes: who finds them, how good they are, how they look."""
