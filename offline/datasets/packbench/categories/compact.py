"""Powder compacts: a pan and a mirror in a hinged case, open, ajar or shut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.datasets.packbench.materials import (
    brushed,
    clear,
    cream,
    gloss,
    metal,
    offered,
    powder,
    satin,
    velour,
)
from offline.datasets.packbench.parameters import (
    Archetype,
    Category,
    Dimension,
    Model,
    Parameters,
    View,
)
from offline.datasets.packbench.shapes.cases import STEEL, Case, drawn_in, hinged, tray
from offline.datasets.packbench.shapes.freeform import joined, of_section, slices, spread
from offline.datasets.packbench.shapes.meshes import Mesh, Section, circle, revolve
from offline.datasets.packbench.shapes.pans import RELIEFS, cake, cushion, pan
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.prints import contrasting
from offline.datasets.packbench.shapes.puffs import Pad, ribboned

VIEWS = (
    View("front", 0, 24),
    View("left", -34, 32),
    View("right", 38, 22),
    View("above", 0, 64),
    View("high", -22, 46),
)
OPEN = {"open": 112.0, "ajar": 68.0, "wide": 128.0}  # degrees
CASES = (
    *offered(gloss, "white", "black", "ivory", "blush", "nude", "navy"),
    *offered(satin, "black", "sand", "sage"),
    *offered(metal, "gold", "rose-gold", "silver"),
    *offered(brushed, "gunmetal", "gold"),
)
POWDERS = offered(powder, "ivory", "sand", "nude", "tan", "blush", "rose", "coral", "bronze")
METALS = (*offered(metal, "silver", "gold"), gloss("white"))
RELIEF = ("smooth", "linen", "sunburst", "rosette", "rings", "diagonal")


def _case(p: Parameters, section: Section, rim: float = 4) -> Case:
    return Case(section, p["base"], p["base"] * p["lid"], rim, p["base"] * p["edge"])


def _round(p: Parameters) -> Model:
    return _single(p, circle(p["radius"]))


def _square(p: Parameters) -> Model:
    half = p["width"] / 2
    return _single(p, Section(half, half * p["depth"], half * p["depth"] * p["corner"]))


def _single(p: Parameters, section: Section) -> Model:
    """One pan that fills the case but for its deck."""
    case = _case(p, section, p["rim"])
    recess = min(4.2, 0.6 * case.base)
    outline = of_section(drawn_in(case.section, case.rim + 0.25))
    pressed = pan(
        outline,
        p.surfaces["powder"],
        p.surfaces["pan"],
        p.choices["relief"],
        height=recess - 0.9,
        rings=44,
    )
    return _opened(p, case, moved(pressed, z=case.base - recess), recess)


def _opened(p: Parameters, case: Case, contents: Parts, recess: float) -> Model:
    body = p.surfaces["case"]
    return Model(
        hinged(
            case,
            contents,
            body,
            body,
            angle=OPEN[p.choices["lid"]],
            base=tray(case, recess),
            hinge_width=0.7 * case.section.half_x,
            catch_width=0.34 * case.section.half_x,
        )
    )


def _cushion(p: Parameters) -> Model:
    """A foundation cushion: sponge in its ring, mirror, perhaps its puff laid on."""
    half = p["width"] / 2
    case = _case(p, Section(half, half, half * p["corner"]))
    well = half - case.rim - 0.3
    pad = cushion(
        of_section(circle(well)), p.surfaces["ring"], p.surfaces["sponge"], bulge=p["bulge"]
    )
    contents = moved(pad, z=case.base - 3.4)
    if p.choices["puff"]:
        applicator = ribboned(
            Pad(of_section(circle(well * 0.72)), 6.5, 5),
            velour("nude"),
            p.surfaces["ring"],
            p.surfaces["case"],
            width=0.6,
            slack=1.5,
        )
        contents += moved(applicator, well * 0.1, well * 0.14, case.base - 0.9 + p["bulge"] * 0.5)
    return _opened(p, case, contents, 3.6)


def _several(p: Parameters) -> Model:
    """Two or three shades side by side in one well."""
    half = p["width"] / 2
    section = Section(half, half * p["depth"], half * p["depth"] * p["corner"])
    case = _case(p, section, 3.5)
    count = {"duo": 2, "trio": 3}[p.choices["shades"]]
    powders = [p.surfaces[name] for name in ("powder", "second", "third")]
    within = of_section(drawn_in(case.section, case.rim + 0.25))
    contents: Parts = ()
    for shade, (x, outline) in zip(powders, slices(within, count, p["gap"]), strict=False):
        pressed = pan(outline, shade, STEEL, p.choices["relief"], height=2.4)
        contents += moved(pressed, x, z=case.base - 3.4)
    return _opened(p, case, contents, 3.5)


def _shut(p: Parameters) -> Model:
    """Closed, with a mark on its lid."""
    radius, body = p["radius"], p.surfaces["case"]
    section = Section(radius, radius, radius * p["corner"])
    case = Case(
        section,
        p["height"] * p["seam"],
        p["height"] * (1 - p["seam"]),
        4,
        p["height"] * p["edge"],
        p["dome"],
    )
    marks = _mark(p, case, radius * p["mark"])
    return Model(
        hinged(
            case,
            (),
            body,
            body,
            angle=0,
            base=tray(case, 2),
            marks=marks,
            hinge_width=0.7 * radius,
            catch_width=0.34 * radius,
        )
    )


def _mark(p: Parameters, case: Case, half: float) -> Parts:
    """A metal plaque, a print or turned rings, all of half width ``half`` on the lid."""
    body, trim, top = p.surfaces["case"], p.surfaces["trim"], case.top
    square = p.choices["mark"] == "plaque"
    outline = of_section(Section(half, half, half * p["corner"]) if square else circle(half))
    zero = np.zeros(1)
    match p.choices["mark"]:
        case "rings":
            beads = [
                _bead(half * s, top + float(case.swell(zero + half * s, zero)[0]))
                for s in (0.4, 0.7, 1)
            ]
            return (Part(joined(*beads), trim),)
        case "print":
            paper = spread(outline, lambda x, y, fraction: top + case.swell(x, y) + 0.1)
            ink = contrasting(body.colour, p.artwork)
            return (Part(paper, replace(body, artwork=p.artwork, ink=ink)),)
    plaque = cake(outline, 0.9, RELIEFS["rosette"], deep=0.4)
    return (Part(plaque.moved(z=top - 0.35 + float(case.swell(zero + half, zero)[0])), trim),)


def _bead(radius: float, z: float) -> Mesh:
    """A half round ring that stands out of the lid."""
    return revolve(
        [
            (radius - 0.9, z - 0.6),
            (radius, z - 0.6),
            (radius, z + 0.45, 0.4),
            (radius - 0.9, z + 0.45, 0.4),
            (radius - 0.9, z - 0.6),
        ]
    )


def _window(p: Parameters) -> Model:
    """A pressed blush under a clear lid."""
    section = circle(p["radius"])
    case = _case(p, section, p["rim"])
    outline = of_section(drawn_in(case.section, case.rim + 0.25))
    blush = pan(
        outline,
        p.surfaces["powder"],
        p.surfaces["pan"],
        p.choices["relief"],
        height=2.6,
        dome=p["dome"],
        rings=44,
    )
    body = p.surfaces["case"]
    angle = {"open": 118.0, "shut": 0.0}[p.choices["lid"]]
    return Model(
        hinged(
            case,
            moved(blush, z=case.base - 3.6),
            body,
            p.surfaces["lid"],
            angle=angle,
            inside=None,
            base=tray(case, 3.7),
            hinge_width=0.7 * p["radius"],
            catch_width=0.3 * p["radius"],
        )
    )


LID = Dimension(0.5, 0.8, "ratio")  # the lid's height over the base's
EDGE = Dimension(0.12, 0.5, "ratio")  # rounding of foot and crown over the base's height
CATEGORY = Category(
    "compact",
    (
        Archetype(
            "round",
            "Round powder compact",
            {
                "radius": Dimension(29, 40),
                "base": Dimension(7, 12),
                "lid": LID,
                "rim": Dimension(3, 7),
                "edge": EDGE,
            },
            {"case": CASES, "powder": POWDERS, "pan": METALS},
            _round,
            {"lid": ("open", "ajar", "wide"), "relief": RELIEF},
        ),
        Archetype(
            "cushion",
            "Cushion compact",
            {
                "width": Dimension(62, 78),
                "base": Dimension(12, 19),
                "lid": Dimension(0.42, 0.7, "ratio"),
                "corner": Dimension(0.45, 1, "ratio"),
                "edge": Dimension(0.1, 0.4, "ratio"),
                "bulge": Dimension(1, 3.5),
            },
            {
                "case": CASES,
                "sponge": offered(cream, "sand", "nude", "peach", "tan"),
                "ring": offered(gloss, "white", "black", "ivory"),
            },
            _cushion,
            {"lid": ("open", "wide"), "puff": ("", "with puff")},
        ),
        Archetype(
            "shades",
            "Duo or trio compact",
            {
                "width": Dimension(62, 88),
                "depth": Dimension(0.55, 0.8, "ratio"),
                "base": Dimension(6.5, 11),
                "lid": LID,
                "corner": Dimension(0.2, 0.95, "ratio"),
                "edge": EDGE,
                "gap": Dimension(1.2, 4),
            },
            {"case": CASES, "powder": POWDERS, "second": POWDERS, "third": POWDERS},
            _several,
            {"lid": ("open", "ajar", "wide"), "shades": ("duo", "trio"), "relief": RELIEF[:4]},
        ),
        Archetype(
            "square",
            "Square powder compact",
            {
                "width": Dimension(56, 72),
                "depth": Dimension(0.86, 1.12, "ratio"),
                "base": Dimension(7, 12),
                "lid": LID,
                "corner": Dimension(0.1, 0.55, "ratio"),
                "rim": Dimension(3, 7),
                "edge": EDGE,
            },
            {"case": CASES, "powder": POWDERS, "pan": METALS},
            _square,
            {"lid": ("open", "ajar", "wide"), "relief": RELIEF},
        ),
        Archetype(
            "shut",
            "Powder compact, closed",
            {
                "radius": Dimension(28, 40),
                "corner": Dimension(0.3, 1, "ratio"),
                "height": Dimension(13, 21),
                "seam": Dimension(0.4, 0.62, "ratio"),
                "edge": Dimension(0.1, 0.34, "ratio"),
                "dome": Dimension(0.4, 4),
                "mark": Dimension(0.3, 0.66, "ratio"),
            },
            {
                "case": CASES,
                "trim": (
                    *offered(metal, "gold", "silver", "rose-gold"),
                    *offered(gloss, "white", "black"),
                ),
            },
            _shut,
            {"mark": ("plaque", "print", "rings")},
        ),
        Archetype(
            "window",
            "Blush compact with a clear lid",
            {
                "radius": Dimension(21, 32),
                "base": Dimension(7, 12),
                "lid": Dimension(0.5, 0.9, "ratio"),
                "rim": Dimension(2.4, 4.5),
                "dome": Dimension(0.2, 2),
                "edge": EDGE,
            },
            {
                "case": offered(gloss, "white", "black", "blush", "ivory"),
                "powder": POWDERS,
                "pan": METALS[:1],
                "lid": offered(clear, "clear", "blush"),
            },
            _window,
            {"lid": ("open", "shut"), "relief": RELIEF},
        ),
    ),
    VIEWS,
    phone=(20, 58),
)
