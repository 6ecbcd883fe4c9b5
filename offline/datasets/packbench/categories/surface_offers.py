"""Surfaces that caps and vessels are offered in: moulded colours of resin makers, metal shells."""

from __future__ import annotations

from offline.datasets.packbench.materials import (
    brushed,
    gloss,
    liquid,
    metal,
    offered,
    rubber,
    satin,
    wood,
)

# Caps.
MOULDED = (  # white and black twice: most stock closures come in these
    *offered(gloss, "white", "white", "black", "ivory", "grey", "blush", "navy", "sage", "lilac"),
    *offered(satin, "white", "black", "black", "sand", "smoke", "sky", "nude", "green"),
)
PLAIN = (*offered(gloss, "white", "white", "black"), *offered(satin, "white", "black", "grey"))
CAP_METALS = (
    *offered(metal, "gold", "silver", "silver", "rose-gold", "gunmetal"),
    *offered(brushed, "gold", "silver", "copper"),
)
INSERTS = offered(satin, "white", "black", "ivory")
RUBBERS = offered(rubber, "white", "black", "black", "white", "grey", "ivory", "blush", "amber")

# Vessels.
VESSEL_METALS = (
    *offered(metal, "gold", "silver", "rose-gold"),
    *offered(brushed, "silver", "gunmetal"),
)
CAPS = (*offered(gloss, "white", "black"), *offered(satin, "white", "black", "sand"))
LIDS = (*CAPS, *offered(metal, "gold", "silver", "rose-gold"), *offered(wood, "sand"))
LIQUIDS = offered(liquid, "ochre", "clear", "peach", "blush", "aqua")
