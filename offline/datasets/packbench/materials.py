"""Materials of products: a finish, a colour and a print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

Finish = Literal[
    "gloss",
    "satin",
    "rubber",
    "silicone",
    "metal",
    "brushed",
    "mirror",
    "glass",
    "frosted",
    "clear",
    "liquid",
    "powder",
    "cream",
    "velour",
    "wood",
    "paper",
    "label",
    "foam",
]
SEE_THROUGH: frozenset[Finish] = frozenset({"glass", "frosted", "clear", "liquid", "silicone"})

COLOURS = {
    "white": "#e6e5e1",
    "ivory": "#eadfca",
    "black": "#16161a",
    "grey": "#8d9094",
    "smoke": "#54575c",
    "blush": "#e3b5ac",
    "rose": "#c96f7c",
    "red": "#a5202d",
    "berry": "#6d1d3a",
    "coral": "#e0715c",
    "nude": "#c99a7c",
    "tan": "#b07c55",
    "brown": "#5f3a26",
    "terracotta": "#b35a3a",
    "ochre": "#cc9a3f",
    "yellow": "#e7c04c",
    "sage": "#9fb09a",
    "green": "#2f5d46",
    "mint": "#a9d2c0",
    "teal": "#2b6f78",
    "sky": "#9cc3dc",
    "blue": "#2c4f93",
    "navy": "#1d2947",
    "lilac": "#b9a5cf",
    "plum": "#5b3a63",
    "peach": "#efbf9f",
    "sand": "#d8c19c",
    "clear": "#f4f8f8",
    "amber": "#b5651d",
    "cobalt": "#2347a5",
    "emerald": "#3f8f62",
    "aqua": "#bfe3e2",
    "gold": "#d9ad5b",
    "rose-gold": "#dc9d86",
    "silver": "#d3d5d8",
    "bronze": "#8f6440",
    "copper": "#c07a52",
    "gunmetal": "#595c61",
}

TRADE_NAMES: dict[Finish, str] = {
    "gloss": "PP, glossy",
    "satin": "PP, matt",
    "rubber": "silicone",
    "metal": "aluminium, polished",
    "brushed": "aluminium, satin",
    "mirror": "mirror",
    "glass": "glass",
    "frosted": "frosted glass",
    "clear": "PETG",
    "powder": "powder",
    "cream": "cream",
    "velour": "polyester velour",
    "wood": "bamboo",
    "silicone": "silicone, translucent",
    "liquid": "liquid",
    "paper": "label",
    "label": "label, four-colour",
    "foam": "polyurethane foam",
}


@dataclass(frozen=True)
class Material:
    """``artwork`` seeds a print in the colour ``ink``; it needs a mesh with ``uv``.

    A "label" has whole label art (label_art.py) in colours of its own.
    """

    finish: Finish
    colour: str  # a key of COLOURS
    artwork: int | None = None
    ink: str = "black"  # a key of COLOURS

    def __post_init__(self) -> None:
        for colour in (self.colour, self.ink):
            if colour not in COLOURS:
                raise ValueError(f"no colour {colour!r}; there are: {', '.join(COLOURS)}")

    @property
    def see_through(self) -> bool:
        return self.finish in SEE_THROUGH


def _of(finish: Finish) -> Callable[[str], Material]:
    return partial(Material, finish)


gloss, satin, rubber, metal = _of("gloss"), _of("satin"), _of("rubber"), _of("metal")
glass, frosted, clear, wood = _of("glass"), _of("frosted"), _of("clear"), _of("wood")
powder, cream, velour = _of("powder"), _of("cream"), _of("velour")
silicone, liquid, paper = _of("silicone"), _of("liquid"), _of("paper")
brushed, foam = _of("brushed"), _of("foam")


def offered(finish: Callable[[str], Material], *colours: str) -> tuple[Material, ...]:
    """One finish in several colours, as an archetype offers a surface."""
    return tuple(finish(colour) for colour in colours)


def linear_rgb(colour: str) -> list[float]:
    """The named sRGB colour in linear light (IEC 61966-2-1)."""
    values = [int(COLOURS[colour][i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
