"""Pumps: a collar, a stem and an actuator above; a spring housing and a dip tube below."""

from __future__ import annotations

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.bars import bent_bar
from offline.datasets.packbench.shapes.closures.pump_heads import saddle
from offline.datasets.packbench.shapes.closures.shells import fittings, grooved, shell
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, profile, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts, moved

HOUSING = Material("satin", "white")
TUBE = Material("satin", "white")  # milky polyethylene
GASKET = Material("rubber", "grey")


def pump(
    radius: float,
    height: float,
    material: Material,
    *,
    head: Material | None = None,
    head_radius: float = 9,
    head_height: float = 9,
    spout: float = 26,
    drop: float = 5,
    stem: float = 9,
    ribs: int = 0,
    dip: float = 55,
    collar_step: float = 0,
    sleeve: bool = False,
) -> Parts:
    """A lotion pump; ``dip`` 0 leaves out what hangs below z = 0. The beak points towards +x."""
    over = head or material
    top = collar_top(height, collar_step)
    rod = head_radius * 0.72 if sleeve else 3.6
    return (
        *collar(radius, height, material, ribs=ribs, step=collar_step),
        *stem_of(rod, top, stem, over),
        *moved(saddle(head_radius, head_height, spout, drop, over), z=top + stem),
        *(engine(min(radius * 0.5, 7), dip) if dip else ()),
    )


def collar_top(height: float, step: float) -> float:
    """Where the stem leaves the collar: 2.6 mm of chaplet stand on it at least."""
    return height + max(step, 2.6)


def collar(
    radius: float,
    height: float,
    material: Material,
    *,
    ribs: int = 0,
    step: float = 0,
    edge: float = 1,
    cone: float = 0.62,
) -> Parts:
    """A threaded skirt and, across a gap, the chaplet that holds the pump, ``step`` mm high.

    ``cone`` is the chaplet's foot over the skirt's radius.
    """
    rim = radius - 0.7
    crown: list[Corner] = [(radius, height, edge), (radius * cone + 1.2, height), (0, height - 0.8)]
    if ribs:
        crown[:1] = [
            (radius, height - edge - 0.8),
            (rim, height - edge - 0.3),
            (rim, height, edge),
        ]
    skirt = shell(radius, height - 0.8, crown, ribs=ribs, depth=0.7)
    foot, top = radius * cone, collar_top(height, step)
    chaplet = revolve(
        [
            (0, height - 1),
            (foot, height - 1),
            (foot, height + 0.5, 0.4),
            (max(foot * 0.72, 5), top - 0.6, 0.8),
            (max(foot * 0.66, 4.7), top, 0.3),
            (0, top),
        ]
    )
    return (
        Part(skirt, material),
        Part(chaplet, material),
        *fittings(radius, height - 0.8, material),
    )


def shelled_collar(
    radius: float, height: float, material: Material, *, bead: float, edge: float
) -> Parts:
    """A metal shell over the skirt: smooth, a rolled bead ``bead`` above its foot."""
    wall = grooved(radius, bead, 0.4, 1.0)
    crown: list[Corner] = [
        *wall,
        (radius, height, edge),
        (radius * 0.5, height + 0.5, 1),
        (0, height + 0.5),
    ]
    return (Part(shell(radius, height, crown), material), *fittings(radius, height, HOUSING))


def stem_of(radius: float, low: float, length: float, material: Material) -> Parts:
    rod = revolve([(0, -0.5), (radius, -0.5), (radius, length + 1), (0, length + 1)])
    return (Part(rod.moved(z=low), material),)


def lock_clip(radius: float, low: float, height: float, material: Material) -> Parts:
    """The C clip that keeps a head up in transit; its finger tabs open towards -y."""
    ring = bent_bar(radius + 1.1, -60, 240, 2.0, height, power=8)
    tab = tube([(-3.2, 0), (3.2, 0)], [height * 0.3] * 2, 0.35).moved(y=radius + 2.4)
    return tuple(Part(mesh.moved(z=low + height / 2), material) for mesh in (ring, tab))


def engine(radius: float, dip: float, *, bend: float = 3, ends: float = 0) -> Parts:
    """What hangs in the bottle: gasket, stepped spring housing, dip tube down to -``dip``.

    ``ends`` is how far the housing reaches down, at most 0.6 of ``dip`` (and that if 0).
    """
    low = min(ends or 30.0, dip * 0.6)
    nipple = min(radius * 0.58, 3.1)
    housing = revolve(
        [
            (0, -low - 4),
            (nipple - 0.2, -low - 4, 0.2),
            (nipple, -low, 0.2),
            (radius * 0.72, -low, 0.3),
            (radius * 0.78, -low * 0.55, 0.3),
            (radius, -low * 0.5, 0.3),
            (radius, 1.5),
            (0, 1.5),
        ]
    )
    gasket = revolve([(0, 1), (radius * 1.5, 1), (radius * 1.5, 2.4), (0, 2.4)])
    return (
        Part(housing, HOUSING),
        Part(gasket, GASKET),
        Part(dip_tube(-dip, -low - 2, nipple * 0.68, bend), TUBE),
    )


def dip_tube(low: float, high: float, radius: float = 2.0, bend: float = 3.0) -> Mesh:
    """A polyethylene tube from z = ``high`` down to ``low``, bowed towards +x by its coil set."""
    line = profile([(0, high), (0, high + (low - high) * 0.25, 60), (bend, low)], steps=10)
    return tube([(float(x), float(z)) for x, z in line], [radius] * len(line))
