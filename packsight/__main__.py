"""``python -m packsight``: the same as the console script."""

from packsight.cli import entry

entry()
