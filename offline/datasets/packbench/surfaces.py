"""Surfaces of materials: their Mitsuba BSDFs, their tiling textures and the uv that these need."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.artwork import artwork
from offline.datasets.packbench.label_art import label_art
from offline.datasets.packbench.materials import Finish, Material, linear_rgb
from offline.datasets.packbench.shapes.meshes import Array, Mesh

Texture = NDArray[np.float32]  # (H, W, 1 or 3), linear reflectance or a factor of it
Surface = dict[str, Any]  # Mitsuba's plugin dictionary; the keys are Mitsuba's own

# Few kinds of BSDF on purpose: every kind more in a scene is compiled into its kernels.
COATED: dict[Finish, float] = {  # a clear coat of this roughness over a diffuse base
    "gloss": 0.05,
    "satin": 0.2,
    "rubber": 0.42,
    "wood": 0.3,
    "cream": 0.12,
    "paper": 0.3,
    "label": 0.18,  # varnished
    "silicone": 0.35,
}
METALS: dict[Finish, tuple[float, float]] = {  # roughness along and across the brushing
    "metal": (0.08, 0.08),
    "brushed": (0.07, 0.3),
    "mirror": (0.02, 0.02),
}
CLEAR: dict[Finish, tuple[float, float]] = {  # refractive index, roughness
    # Real glass has 1.5, PETG 1.57, water 1.33; frosted walls bend less here, for less noise.
    "glass": (1.5, 0.0),
    "clear": (1.45, 0.0),
    "liquid": (1.33, 0.0),
    "frosted": (1.3, 0.3),
}
MILKY = 0.62  # of the light, silicone's skin scatters so much; the rest passes straight on
THROUGH = 0.3  # light passes four walls, front to back: each tints it by this power of all
TILE = 256  # pixels, width and height of a tile
GRAIN_MM = 28.0  # one tile of the solid textures
ROUND = 0.06  # how far the spreads across an axis may differ where a part counts as turned


def bsdf(material: Material, aspect: float = 1.0) -> Surface:
    """The surface of ``material``; ``aspect`` is the width over the height of its uv square."""
    if material.see_through and _is_printed(material):
        return _print_on_clear(material, aspect)
    if material.finish in CLEAR:
        return _clear(material)
    tint = _tint(material, aspect)
    if material.finish in METALS:
        along, across = METALS[material.finish]
        return {
            "type": "roughconductor",
            "material": "none",
            "alpha_u": along,
            "alpha_v": across,
            "specular_reflectance": tint,
        }
    if material.finish in COATED:
        alpha = COATED[material.finish]
        coated = {"type": "roughplastic", "diffuse_reflectance": tint, "alpha": alpha}
        return _milky(coated) if material.see_through else coated
    return {"type": "diffuse", "reflectance": tint}


def transmitting(material: Material, aspect: float = 1.0) -> Surface:
    """``material`` as it is where light passes; black where it scatters or stops it.

    The mirrors inside a wall stay: much of what reaches the eye through thick glass was
    reflected in it, up to half in a jar.
    """
    black: Surface = {"type": "diffuse", "reflectance": _rgb([0.0, 0.0, 0.0])}
    if not material.see_through:
        return black
    surface = bsdf(material, aspect)
    return {**surface, "bsdf": black} if surface["type"] == "mask" else surface


def textured(mesh: Mesh, material: Material) -> Mesh:
    """``mesh`` (mm, before it is posed) with the uv for the texture of ``material``."""
    if _is_printed(material):
        if mesh.uv is None:
            raise ValueError(f"a print on {material.finish} needs a mesh with uv, such as patch()")
        return mesh
    if material.finish in ("wood", "powder", "velour"):
        return replace(mesh, uv=_solid(mesh.vertices))
    if material.finish == "brushed":
        return replace(mesh, uv=_turned(mesh.vertices))
    return mesh


def aspect(mesh: Mesh) -> float:
    """How wide the uv square lies on the mesh, over how high; 1 without uv."""
    if mesh.uv is None:
        return 1.0
    corner, right, up = (mesh.faces[:, i] for i in range(3))
    edges = np.stack([mesh.vertices[to] - mesh.vertices[corner] for to in (right, up)], axis=1)
    spans = np.stack([mesh.uv[to] - mesh.uv[corner] for to in (right, up)], axis=1)
    usable = np.abs(np.linalg.det(spans)) > 1e-12
    along = np.linalg.solve(spans[usable], edges[usable])  # rows: d position / du, / dv
    width, height = np.linalg.norm(along, axis=2).mean(axis=0)
    return round(float(np.clip(width / max(height, 1e-9), 0.2, 5)), 2)


def _is_printed(material: Material) -> bool:
    return material.artwork is not None


def _clear(material: Material) -> Surface:
    index, alpha = CLEAR[material.finish]
    through = [max(v, 0.02) ** THROUGH for v in linear_rgb(material.colour)]
    surface = {"type": "dielectric", "int_ior": index, "specular_transmittance": _rgb(through)}
    return {**surface, "type": "roughdielectric", "alpha": alpha} if alpha else surface


def _milky(skin: Surface) -> Surface:
    """Translucency at the price of a coat: part of the light passes straight, the rest scatters.

    A skin that scatters light forward (principledthin) took twice the time and looked no better.
    """
    both = {"type": "twosided", "material": skin}  # the inner wall is lit from within as well
    return {"type": "mask", "opacity": MILKY, "bsdf": both}


def _print_on_clear(material: Material, aspect: float) -> Surface:
    """Ink alone, with nothing between: the wall behind it is a mesh of its own."""
    ink = {"type": "roughplastic", "diffuse_reflectance": _rgb(linear_rgb(material.ink))}
    cover = artwork(material.artwork or 0, aspect)[..., None]
    return {"type": "mask", "opacity": _bitmap(cover), "bsdf": {**ink, "alpha": 0.2}}


def _tint(material: Material, aspect: float) -> Surface:
    base = np.array(linear_rgb(material.colour), np.float32)
    if material.finish == "label" and material.artwork is not None:
        return _bitmap(decoded(label_art(material.artwork, aspect)))
    if material.artwork is not None:
        cover = artwork(material.artwork, aspect)
        if material.ink == material.colour:
            return _bitmap(emboss(base, cover))
        return _bitmap(printed(base, np.array(linear_rgb(material.ink), np.float32), cover))
    solid = {"wood": grain, "powder": speckle, "velour": pile}.get(material.finish)
    return _bitmap(solid() * base) if solid else _rgb(linear_rgb(material.colour))


def decoded(pixels: NDArray[np.uint8]) -> Texture:
    """sRGB to linear reflectance (IEC 61966-2-1)."""
    x = pixels.astype(np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _rgb(values: list[float]) -> Surface:
    return {"type": "rgb", "value": values}


def _bitmap(texture: Texture) -> Surface:
    import mitsuba as mi

    # Mitsuba puts the first row at v = 0; ours is the top of the label.
    rows = np.ascontiguousarray(texture[::-1], np.float32)
    return {"type": "bitmap", "bitmap": mi.Bitmap(rows), "raw": True}


def _solid(vertices: Array) -> Array:
    """Grain along the longest side; both sides and the front show lines, as sawn wood does."""
    order = np.argsort(np.ptp(vertices, axis=0))
    across = vertices[:, order[0]] * 0.61 + vertices[:, order[1]]
    return np.column_stack([across, vertices[:, order[2]]]) / GRAIN_MM


def _turned(vertices: Array) -> Array:
    """u along the marks of the tool: round the axis of a turned part, lengthwise on a flat one."""
    offset = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    values, axes = np.linalg.eigh(offset.T @ offset / len(offset))
    alike = values[:-1] / np.maximum(values[1:], 1e-9)  # of neighbours; they come in order
    if alike.max() < 1 - ROUND:
        return np.asarray(offset @ axes[:, [2, 0]] / GRAIN_MM, float)
    axis = 2 if alike[0] > alike[1] else 0  # the one whose spread is unlike the other two
    x, y, z = (offset @ axes[:, [(axis + 1) % 3, (axis + 2) % 3, axis]]).T
    return np.column_stack([np.arctan2(y, x) / (2 * np.pi), (z - np.hypot(x, y)) / GRAIN_MM])


def printed(base: Texture, ink: Texture, cover: Texture) -> Texture:
    """(H, W, 3): ``ink`` (3,) over ``base`` (3,) by ``cover`` (H, W) in [0, 1]."""
    fraction = cover[..., None]
    return np.asarray(base * (1 - fraction) + ink * fraction, np.float32)


def emboss(base: Texture, cover: Texture) -> Texture:
    """(H, W, 3): ``base`` raised where ``cover`` is: edges towards the light above are lighter."""
    height = cv2.GaussianBlur(cover, (0, 0), 1.2)
    slope = np.gradient(height, axis=0) - 0.4 * np.gradient(height, axis=1)
    shade = np.clip(1 + 1.3 * slope - 0.1 * height, 0.45, 1.35)
    return np.asarray(np.clip(base * shade[..., None], 0, 0.9), np.float32)


@cache
def grain() -> Texture:
    """(256, 256, 1) factor: lengthwise fibres of unequal darkness and a few pores, mean near 1."""
    rng = np.random.default_rng(0x600D)
    rings = _noise(rng, 5, 90) * 0.14
    fibres = _noise(rng, 0.8, 40) * 0.07
    pores = np.minimum(_noise(rng, 0.7, 9) + 1.6, 0) * 0.16
    return _tile(1 + rings + fibres + pores)


@cache
def speckle() -> Texture:
    """(256, 256, 1) factor: the fine unevenness of pressed powder."""
    rng = np.random.default_rng(0x9071)
    return _tile(1 + 0.03 * _noise(rng, 1.6, 1.6) + 0.015 * _noise(rng, 6, 6))


@cache
def pile() -> Texture:
    """(256, 256, 1) factor: velour, whose tufts lean and shade each other."""
    rng = np.random.default_rng(0x711E)
    return _tile(1 + 0.055 * _noise(rng, 2.2, 3.4) + 0.015 * _noise(rng, 12, 18))


def _noise(rng: np.random.Generator, across: float, along: float) -> Texture:
    """(256, 256) of unit variance that tiles; smooth over so many pixels each way."""
    white = np.tile(rng.standard_normal((TILE, TILE)).astype(np.float32), (3, 3))
    smooth = cv2.GaussianBlur(white, (0, 0), sigmaX=across, sigmaY=along)
    middle = smooth[TILE : 2 * TILE, TILE : 2 * TILE]
    return np.asarray((middle - middle.mean()) / middle.std(), np.float32)


def _tile(factor: Texture) -> Texture:
    return np.clip(factor, 0.4, 1.25).astype(np.float32)[..., None]
