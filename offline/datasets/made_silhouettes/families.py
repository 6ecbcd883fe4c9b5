"""All drawings by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from offline.datasets.made_silhouettes import creatures, plants, signs, tools, vessels
from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.strokes import Part

Drawing = Callable[[Dimensions], list[Part]]

_VESSELS = (
    vessels.bottle,
    vessels.jar,
    vessels.goblet,
    vessels.spray,
    vessels.tube,
    vessels.mug,
    vessels.pot,
    vessels.carton,
    vessels.bag,
    vessels.bell,
)
_PLANTS = (
    plants.leaf,
    plants.lobed_leaf,
    plants.flower,
    plants.tree,
    plants.fir,
    plants.mushroom,
    plants.apple,
    plants.cactus,
)
_CREATURES = (
    creatures.quadruped,
    creatures.bird,
    creatures.flying_bird,
    creatures.fish,
    creatures.snake,
    creatures.butterfly,
    creatures.octopus,
    creatures.beetle,
    creatures.turtle,
    creatures.person,
)
_TOOLS = (
    tools.hammer,
    tools.wrench,
    tools.fork,
    tools.spoon,
    tools.key,
    tools.pencil,
    tools.scissors,
    tools.crown,
    tools.hat,
    tools.car,
    tools.anchor,
    tools.guitar,
    tools.bone,
    tools.propeller,
    tools.gear,
)
_SIGNS = (
    signs.star,
    signs.cross,
    signs.heart,
    signs.crescent,
    signs.horseshoe,
    signs.ring,
    signs.spiral,
    signs.spring,
    signs.arrow,
    signs.bolt,
    signs.comma,
    signs.boomerang,
    signs.notched,
    signs.bars,
    signs.blob,
    signs.limbs,
    signs.crag,
)

FAMILIES: Mapping[str, Drawing] = MappingProxyType(
    {
        drawing.__name__.replace("_", ""): drawing
        for drawing in (*_VESSELS, *_PLANTS, *_CREATURES, *_TOOLS, *_SIGNS)
    }
)
