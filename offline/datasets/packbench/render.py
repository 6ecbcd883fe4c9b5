"""One photograph by path tracing, with its exact ground truth from passes of the same scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.camera import Camera, Posed
from offline.datasets.packbench.denoise import denoise
from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.setting import Setting
from offline.datasets.packbench.surfaces import aspect, bsdf, textured, transmitting

Image = NDArray[np.float32]

SAMPLES = 18  # light paths a pixel, in two halves of a square each, for the sampler
GUIDE_SAMPLES = 9
MATTE_SAMPLES = 64  # steps of 1/64 on an edge
TRANSMISSION_SAMPLES = 18  # in two halves, as SAMPLES
WALL_BEHIND, WALL_HALF = 1.5, 60.0  # scene units: clear of the product, beyond all bent rays
VARIANTS = ("cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb")
OLDEST_LLVM = (16, 0, 0)
BLACK = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.0}}
WHITE = {"type": "diffuse", "reflectance": {"type": "rgb", "value": 1.0}}


@dataclass(frozen=True)
class Exposure:
    """A rendered photograph with its ground truth; all of height H and width W."""

    radiance: Image  # (H, W, 3) linear, exposed
    alpha: Image  # (H, W) fraction of each pixel that the product covers, glass included
    transmission: Image | None  # (H, W, 3) fraction of what lies behind, through it; None: opaque
    visible: float  # fraction of the product's area that no occluder hides

    @property
    def shown(self) -> float:
        """``visible``, and 0 where nothing of the product is in the image."""
        return self.visible if self.alpha.any() else 0.0


def photograph(
    product: Posed,
    camera: Camera,
    setting: Setting,
    folder: Path,
    seed: int,
    samples: int = SAMPLES,
    *,
    transmitted: bool = True,
) -> Exposure:
    """Render ``product`` in ``setting``; ``folder`` takes the meshes, which may go afterwards.

    ``transmitted``: with the transmission of see-through parts, a third of the time or more.
    """
    shapes = described(product, folder)
    scene = {**setting.surroundings, **setting.occluders, **setting.light, **shapes}
    stage = _stage(camera, scene)
    features = _features(stage, seed)
    light = {"type": "path", "max_depth": 10, "rr_depth": 4}
    radiance = _clean(stage, light, features, samples, seed) * setting.exposure
    around = {**setting.surroundings, **setting.occluders}
    alpha, visible = _coverage(camera, shapes, around, seed), 1.0
    alone = _coverage(camera, shapes, {}, seed) if setting.occluders else alpha
    if setting.occluders:
        visible = float(alpha.sum() / max(float(alone.sum()), 1e-6))
    transmission = None
    if transmitted:
        transmission = _transmission(camera, product, shapes, features, seed)
    if transmission is not None:  # nothing passes where a hand is in front, nor beside the matte
        fraction = (alpha / np.maximum(alone, 1e-6))[..., None]
        transmission = np.minimum(transmission * fraction, alpha[..., None])
    return Exposure(radiance, alpha, transmission, visible)


def described(product: Posed, folder: Path, name: str = "part") -> dict[str, dict[str, Any]]:
    """A package for Mitsuba, a shape a part; the meshes go to ``folder`` under ``name``."""
    import mitsuba as mi

    shapes: dict[str, dict[str, Any]] = {}
    surfaces: dict[tuple[Material, float], Any] = {}  # some take 50 ms to make: one a material
    for i, (part, points) in enumerate(zip(product.parts, product.vertices, strict=True)):
        path = folder / f"{name}{i:02}.ply"
        mesh = textured(part.mesh, part.material)
        replace(mesh, vertices=points).write_ply(path)
        look = part.material, aspect(mesh)
        if look not in surfaces:
            surfaces[look] = mi.load_dict(bsdf(*look))
        shapes[f"{name}{i:02}"] = {"type": "ply", "filename": str(path), "bsdf": surfaces[look]}
    return shapes


def _features(stage: Any, seed: int) -> Image:
    """(H, W, 6) normals and albedo, by which the denoiser detects edges."""
    guide = {"type": "aov", "aovs": "normal:sh_normal,albedo:albedo"}
    seen = _render(stage, guide, GUIDE_SAMPLES, seed)
    # Metals give their highlight's peak, far above 1: no detail of the surface.
    return np.dstack([seen[..., -6:-3] / 2, np.clip(seen[..., -3:], 0, 1)])


def _clean(stage: Any, light: dict[str, Any], features: Image, samples: int, seed: int) -> Image:
    """(H, W, 3) radiance of two half renders, denoised by their difference."""
    halves = [_render(stage, light, max(samples // 2, 1), 2 * seed + i)[..., :3] for i in (0, 1)]
    return denoise(halves[0], halves[1], features)


def _coverage(
    camera: Camera, shapes: dict[str, dict[str, Any]], around: dict[str, Any], seed: int
) -> Image:
    """The fraction of camera rays that meet the product first: white among black, no light."""
    scene = {name: {**shape, "bsdf": _two_sided(BLACK)} for name, shape in around.items()}
    scene |= {name: {**shape, "bsdf": _two_sided(WHITE)} for name, shape in shapes.items()}
    seen = _render(
        _stage(camera, scene), {"type": "aov", "aovs": "albedo:albedo"}, MATTE_SAMPLES, seed
    )
    return np.clip(seen[..., -1], 0, 1)


def _transmission(
    camera: Camera, product: Posed, shapes: dict[str, dict[str, Any]], features: Image, seed: int
) -> Image | None:
    """Light of a wide white wall behind the product that reaches the camera through it.

    However the glass bends and mirrors it inside, that is the weight of a background that is equal
    everywhere: environment matting (Zongker, Werner, Curless and Salesin, SIGGRAPH 1999) reduced
    to one number a channel. 0 beside the product: what a background adds to an image is
    (1 - alpha + transmission) * background.
    """
    if not any(part.material.see_through for part in product.parts):
        return None
    scene: dict[str, Any] = {"wall": _wall(camera)}
    for (name, shape), part in zip(shapes.items(), product.parts, strict=True):
        scene[name] = {**shape, "bsdf": transmitting(part.material, aspect(part.mesh))}
    light = {"type": "path", "max_depth": 12, "rr_depth": 12, "hide_emitters": True}
    seen = _clean(_stage(camera, scene), light, features, TRANSMISSION_SAMPLES, seed)
    return np.clip(seen, 0, 1)


def _wall(camera: Camera) -> dict[str, Any]:
    """A square of radiance 1 that faces the camera from close behind the product."""
    import mitsuba as mi

    eye, target = np.array(camera.eye), np.array(camera.target)
    ahead = (target - eye) / np.linalg.norm(target - eye)
    centre = target + WALL_BEHIND * ahead
    to_world = mi.ScalarTransform4f().look_at(
        centre.tolist(), (centre - ahead).tolist(), list(camera.up)
    ) @ mi.ScalarTransform4f().scale(WALL_HALF)
    white = {"type": "area", "radiance": {"type": "rgb", "value": 1.0}}
    return {"type": "rectangle", "to_world": to_world, "emitter": white}


def _two_sided(surface: dict[str, Any]) -> dict[str, Any]:
    return {"type": "twosided", "material": surface}


def _stage(camera: Camera, scene: dict[str, Any]) -> Any:
    import mitsuba as mi

    return mi.load_dict({"type": "scene", "sensor": camera.sensor(), **scene})


def _render(stage: Any, integrator: dict[str, Any], samples: int, seed: int) -> Image:
    import mitsuba as mi

    rendered = mi.render(stage, integrator=mi.load_dict(integrator), spp=samples, seed=seed)
    return np.nan_to_num(np.array(rendered, np.float32))


def use_variant(name: str = "") -> str:
    """Choose Mitsuba's variant: ``name``, or the fastest of VARIANTS that works here.

    Raises RuntimeError, with the reason, where none works. DRJIT_LIBLLVM_PATH names the LLVM.
    """
    import mitsuba as mi

    reasons = []
    for variant in (name,) if name else VARIANTS:
        try:
            mi.set_variant(variant)
            _refuse_old_llvm(variant)
            mi.load_dict({"type": "sphere"})
            mi.set_log_level(mi.LogLevel.Error)  # its warnings are about triangles without area
        except (ImportError, RuntimeError) as error:
            reasons.append(f"{variant}: {str(error).strip().splitlines()[-1]}")
            continue
        return variant
    raise RuntimeError(f"Mitsuba has no working variant ({'; '.join(reasons)})")


def _refuse_old_llvm(variant: str) -> None:
    import drjit

    version = drjit.detail.llvm_version() if variant.startswith("llvm") else OLDEST_LLVM
    if version < OLDEST_LLVM:
        # LLVM 15 aborts the process when it meets some of our kernels.
        raise RuntimeError(f"LLVM {version[0]} was found, {OLDEST_LLVM[0]} or newer is needed")
