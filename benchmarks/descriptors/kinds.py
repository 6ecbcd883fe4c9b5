"""Which descriptors are compared: backbone, layers, pooling, views and scales, as settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.config import Settings, load
from stages._session import OnnxSession
from stages.context import BuildContext

FEATURES = "features"
# Outputs of an exported backbone beside its features, shallow to deep.
POOLS: tuple[tuple[str, dict[str, object]], ...] = (
    ("MAC", {"pool": "mac"}),
    ("SPoC", {"pool": "spoc"}),
    ("R-MAC", {"pool": "rmac"}),
    ("GeM p=2", {"pool": "gem", "p": 2.0}),
    ("GeM p=3", {"pool": "gem", "p": 3.0}),
    ("GeM p=5", {"pool": "gem", "p": 5.0}),
)


@dataclass(frozen=True)
class Descriptor:
    """A row of the table. ``options`` are those of the embed stage."""

    backbone: str
    pooling: str
    seen: str  # which views, at which scales
    stage: str = "onnx"
    options: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.backbone} {self.pooling}, {self.seen}"

    def settings(self, base: Settings) -> Settings:
        flags = [f"embed.name={self.stage}"]
        flags += [f"embed.{key}={_toml(value)}" for key, value in self.options.items()]
        return load(base, env={}, flags=flags)


def of_backbone(name: str, path: str) -> Iterator[Descriptor]:
    """Every pooling of the crop; of GAP and GeM both views; of GeM scales, where the file takes
    images of other sizes, and two layers. A file without maps has its features in both views
    alone."""
    session = OnnxSession(BuildContext().weights(path).path, threads=1)
    maps = [output for output in session.output_names if output != FEATURES]
    views = (("on white", {"views": "white"}), ("both", {"views": "both"}))
    both = ("both, mean", {"views": "both", "join": "average"})
    base: dict[str, object] = {"weights": path}
    yield Descriptor(name, "GAP", "crop", options=base)
    for seen, more in (*views, both):
        yield Descriptor(name, "GAP", seen, options=base | more)
    if not maps:
        return
    for pooling, more in POOLS:
        yield Descriptor(name, pooling, "crop", options=base | more)
    gem: dict[str, object] = base | {"pool": "gem"}
    for seen, more in views:
        yield Descriptor(name, "GeM p=3", seen, options=gem | more)
    if not all(isinstance(side, int) for side in session.input_shape[1:]):
        scales = {"scales": [0.71, 1.0, 1.41]}
        yield Descriptor(name, "GeM p=3", "crop, 3 scales", options=gem | scales)
    if len(maps) > 1:
        fused = {"layers": maps[-2:]}
        yield Descriptor(
            name, f"GeM p=3 of {maps[-2]}", "crop", options=gem | {"layers": maps[-2:-1]}
        )
        yield Descriptor(name, f"GeM p=3 of {' and '.join(maps[-2:])}", "crop", options=gem | fused)


def traditional() -> Iterator[Descriptor]:
    """The handcrafted groups, each alone and together."""
    groups = ("hog", "colour", "shape")
    yield Descriptor("HOG, colour, shape", "–", "crop", "handcrafted")
    for group in groups:
        alone: dict[str, object] = {one: 1.0 if one == group else 0.0 for one in groups}
        yield Descriptor(
            group.upper() if group == "hog" else group, "–", "crop", "handcrafted", alone
        )


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
