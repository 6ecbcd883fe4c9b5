"""What caps are offered in: moulded colours as resin makers list them, and metal shells."""

from __future__ import annotations

from offline.datasets.packbench.materials import (
    brushed,
    gloss,
    metal,
    offered,
    rubber,
    satin,
)

MOULDED = (  # white and black twice: most stock closures come in these
    *offered(gloss, "white", "white", "black", "ivory", "grey", "blush", "navy", "sage", "lilac"),
    *offered(satin, "white", "black", "black", "sand", "smoke", "sky", "nude", "green"),
)
PLAIN = (*offered(gloss, "white", "white", "black"), *offered(satin, "white", "black", "grey"))
METALS = (
    *offered(metal, "gold", "silver", "silver", "rose-gold", "gunmetal"),
    *offered(brushed, "gold", "silver", "copper"),
)
INSERTS = offered(satin, "white", "black", "ivory")
RUBBERS = offered(rubber, "white", "black", "black", "white", "grey", "ivory", "blush", "amber")
