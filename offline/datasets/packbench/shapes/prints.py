"""Paper labels and prints, as a patch over the front of a body."""

from __future__ import annotations

from dataclasses import replace

from offline.datasets.packbench.materials import Material, linear_rgb
from offline.datasets.packbench.shapes.outlines import Outline
from offline.datasets.packbench.shapes.parts import Part, Parts

MARKS = ("", "label", "print")
ART = "label art"  # a label in colours of its own (label_art.py), which no archetype offers
WRAPPED, REACH = 1.45, 0.52  # it is so much wider than other labels, up to this much of the girth
LONGEST = 2.6  # times its height: on a low jar its type would be too small for any photo
PAPERS = ("white", "ivory", "black", "sand", "blush", "sage")
DARK_INKS = ("black", "brown", "navy", "green", "gunmetal")
LIGHT_INKS = ("white", "gold", "ivory", "silver")


def marked(
    mark: str,
    outline: Outline,
    body: Material,
    artwork: int,
    low: float,
    high: float,
    width: float,
) -> Parts:
    """A paper label, a print straight on the body or label art between two heights, or nothing.

    See-through bodies take no print of their own and have a smaller label instead.
    """
    if not mark:
        return ()
    if mark == ART:
        mesh = outline.wrap(
            low, high, min(width * WRAPPED, REACH * outline.girth, LONGEST * (high - low))
        )
        return (Part(mesh, Material("label", "white", artwork)),)
    if mark == "print" and not body.see_through:
        inked = replace(body, artwork=artwork, ink=contrasting(body.colour, artwork))
        return (Part(outline.wrap(low, high, width), inked),)
    if mark == "print":
        low, high, width = low + 0.2 * (high - low), high - 0.15 * (high - low), width * 0.7
    paper = PAPERS[artwork % len(PAPERS)]
    label = Material("paper", paper, artwork, contrasting(paper, artwork))
    return (Part(outline.wrap(low, high, width), label),)


def contrasting(colour: str, artwork: int) -> str:
    """An ink that can be read on ``colour``."""
    red, green, blue = linear_rgb(colour)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # Rec. 709
    inks = DARK_INKS if luminance > 0.18 else LIGHT_INKS
    return inks[artwork // len(PAPERS) % len(inks)]
