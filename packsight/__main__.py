"""``python -m packsight``: the same as the console script."""

import sys

from packsight.cli import entry

sys.argv[0] = "packsight"  # by which reports name the command that made them
entry()
