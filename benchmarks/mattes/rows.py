"""The rows of the tables: what finds the product, and what refines its edge."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from engine.errors import ConfigError, PacksightError
from engine.protocols import Matting, Segmenter
from engine.types import Matte, RGBImage
from mattes.images import true_alpha
from offline.datasets import DatasetImage
from offline.metrics.masks import CUT
from stages.assemble import stage_names
from stages.context import BuildContext
from stages.segment import box, grabcut, saliency, u2net

# The truth goes in because two rows know it: bounds for every detector and every matting.
Find = Callable[[DatasetImage, RGBImage], Matte]

TRUE_BOX = "true box"
TRUE_MASK = "true mask"


@dataclass(frozen=True)
class Finder:
    """A way to find the product, and the mattings that are tried on what it finds."""

    name: str
    find: Find
    mattings: Mapping[str, Matting] = field(default_factory=dict)

    @property
    def rows(self) -> list[str]:
        """The names of its rows: itself, then itself with each matting."""
        return [self.name, *(f"{self.name} + {matting}" for matting in self.mattings)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data and the rows that both scripts know."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="with masks")
    for name in ("u2netp", "u2net"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE.onnx")
    parser.add_argument(
        "--segmenter",
        action="append",
        default=[],
        metavar="NAME=FILE.onnx",
        help="any other saliency network, its specs in FILE.toml; repeatable",
    )
    parser.add_argument(
        "--matting", action="append", metavar="NAME", help="repeatable; default: all that run here"
    )


def files(args: argparse.Namespace) -> dict[str, Path]:
    """The networks that the arguments name, in the order of the rows."""
    found = {name: getattr(args, name) for name in ("u2netp", "u2net") if getattr(args, name)}
    for text in args.segmenter:
        name, _, path = text.partition("=")
        if not (name and path) or name in found:
            raise ConfigError(f"--segmenter {text}: must be NAME=FILE.onnx with a name of its own.")
        found[name] = Path(path)
    return found


def networks(files: Mapping[str, Path], context: BuildContext) -> dict[str, Segmenter]:
    """Saliency networks by name; a file with an input spec beside it is run by that."""
    found: dict[str, Segmenter] = {}
    for name, path in files.items():
        stage = saliency if path.with_suffix(".toml").is_file() else u2net
        options = stage.Options.model_validate({"weights": str(path)})
        found[name] = stage.build(options, context)
    return found


def shipped_grabcut(context: BuildContext) -> Segmenter:
    """As in the profile ``classic``."""
    return grabcut.build(grabcut.Options.model_validate({}), context)


def detector(path: Path, context: BuildContext) -> Segmenter:
    """SSD300, whose best box of any class counts."""
    return box.build(box.Options.model_validate({"weights": str(path)}), context)


def mattings(
    names: Sequence[str] | None, context: BuildContext, say: Callable[[str], None]
) -> dict[str, Matting]:
    """The named matting stages with their default options; None: all that run here.

    What is requested by name must run; ``say`` gets a line for each other that does not.
    """
    found: dict[str, Matting] = {}
    for name in stage_names("matting") if names is None else names:
        if name == "none":
            continue
        try:
            found[name] = _matting(name, context)
        except PacksightError as error:
            if names is not None:
                raise
            say(f"matting {name} is left out: {error}")
    return found


def _matting(name: str, context: BuildContext) -> Matting:
    known = stage_names("matting")
    if name not in known:
        raise ConfigError(f"There is no matting {name!r}.", remedy=f"Valid: {', '.join(known)}.")
    module = import_module(f"stages.matting.{name}")
    matting: Matting = module.build(module.Options.model_validate({}), context)
    return matting


def by_segmenter(segmenter: Segmenter) -> Find:
    return lambda entry, image: segmenter.segment([image])[0]


def true_box(entry: DatasetImage, image: RGBImage) -> Matte:
    """What a detector would give that never errs."""
    if entry.box is None:
        raise ConfigError(f"{entry.id}: the data set does not give its box.")
    alpha = np.zeros((image.height, image.width), np.float32)
    x1, y1, x2, y2 = entry.box
    alpha[y1:y2, x1:x2] = 1.0
    return Matte(alpha)


def true_mask(entry: DatasetImage, image: RGBImage) -> Matte:
    """The exact matte cut to a mask: what a segmenter would give that errs in no whole pixel."""
    return Matte((true_alpha(entry) >= CUT).astype(np.float32))
