"""Closures, a file a kind: each stands on z = 0 and hangs below it what goes into the neck."""

from offline.datasets.packbench.shapes.closures.disc_tops import disc_top
from offline.datasets.packbench.shapes.closures.droppers import dropper
from offline.datasets.packbench.shapes.closures.flip_tops import flip_top
from offline.datasets.packbench.shapes.closures.nozzles import nozzle
from offline.datasets.packbench.shapes.closures.pumps import pump
from offline.datasets.packbench.shapes.closures.screw_caps import screw_cap

__all__ = ["disc_top", "dropper", "flip_top", "nozzle", "pump", "screw_cap"]
