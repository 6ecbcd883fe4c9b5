"""Preprocessing of images for a model: belongs to the weights, not to the architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from engine.errors import WeightsError

Range = Literal["unit", "max", "byte"]
Interpolation = Literal["bilinear", "bicubic", "lanczos", "area"]
Layout = Literal["nchw", "nhwc"]
Triple = tuple[float, float, float]

_KEYS = ("height", "width", "range", "mean", "std", "interpolation", "layout")


@dataclass(frozen=True)
class InputSpec:
    """Resize RGB to (height, width), bring it into ``range``, then (x - mean) / std a channel.

    ``range``: "byte" 0..255 as decoded, "unit" divided by 255, "max" divided by the image's own
    maximum (U²-Net, Qin et al., Pattern Recognition 2020). ``mean`` and ``std`` are in that range.
    """

    height: int  # pixels
    width: int  # pixels
    range: Range
    mean: Triple
    std: Triple
    interpolation: Interpolation
    layout: Layout

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"input size must be positive, not {self.height} x {self.width}")
        _choice("range", self.range, get_args(Range))
        _choice("interpolation", self.interpolation, get_args(Interpolation))
        _choice("layout", self.layout, get_args(Layout))
        if len(self.mean) != 3 or len(self.std) != 3:
            raise ValueError("mean and std need three numbers each, one a channel")
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive, not {self.std}")


def parse_input_spec(table: Mapping[str, object], where: str) -> InputSpec:
    """Read an [input] table of TOML; ``where`` names the file and table in a WeightsError."""
    check_keys(table, required=_KEYS, optional=(), where=where)
    try:
        return InputSpec(
            height=_integer(table["height"]),
            width=_integer(table["width"]),
            range=cast("Range", table["range"]),
            mean=_triple(table["mean"]),
            std=_triple(table["std"]),
            interpolation=cast("Interpolation", table["interpolation"]),
            layout=cast("Layout", table["layout"]),
        )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where}: {error}.") from error


def check_keys(
    table: Mapping[str, object], *, required: tuple[str, ...], optional: tuple[str, ...], where: str
) -> None:
    """Refuse a table with a missing or an unknown key; lists the valid ones."""
    missing = [key for key in required if key not in table]
    if missing:
        raise WeightsError(f"{where}: missing {', '.join(missing)}.")
    unknown = sorted(set(table) - set(required) - set(optional))
    if unknown:
        raise WeightsError(
            f"{where}: unknown {', '.join(unknown)}.",
            remedy=f"Valid are: {', '.join(required + optional)}.",
        )


def _choice(name: str, value: object, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ValueError(f"{name} must be one of {', '.join(valid)}, not {value!r}")


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"height and width must be whole numbers, not {value!r}")
    return value


def _triple(value: object) -> Triple:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise TypeError(f"mean and std need three numbers each, not {value!r}")
    first, second, third = (float(number) for number in value)
    return first, second, third
