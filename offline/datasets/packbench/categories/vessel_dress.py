"""What vessels are offered in: the surfaces that several categories share."""

from __future__ import annotations

from offline.datasets.packbench.materials import brushed, gloss, liquid, metal, offered, satin, wood

METALS = (*offered(metal, "gold", "silver", "rose-gold"), *offered(brushed, "silver", "gunmetal"))
CAPS = (*offered(gloss, "white", "black"), *offered(satin, "white", "black", "sand"))
LIDS = (*CAPS, *offered(metal, "gold", "silver", "rose-gold"), *offered(wood, "sand"))
LIQUIDS = offered(liquid, "ochre", "clear", "peach", "blush", "aqua")
