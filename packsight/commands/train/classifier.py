"""`packsight train classifier --data DIR --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._settings import add_settings_flags
from packsight.commands.train._splits import add_split_flags

if TYPE_CHECKING:
    from offline.train.classifier.recipe import Plan, Splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a data set, or a folder of pictures a category",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the run's folder; a killed run goes on when the command is given again",
    )
    parser.add_argument(
        "--backbone",
        default="EfficientNetV2L",
        metavar="NAME",
        help="EfficientNetV2L (default, as the paper), EfficientNetV2S, "
        "EfficientNetV2B0, MobileNetV2 or ResNet101V2",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        metavar="imagenet|none|FILE",
        help="where the trunk starts (default: imagenet)",
    )
    parser.add_argument(
        "--frozen-trunk",
        action="store_true",
        help="learn the head alone, on features that are kept: minutes on a laptop",
    )
    _add_data_flags(parser.add_argument_group("data"))
    _add_recipe_flags(parser.add_argument_group("recipe (defaults are the paper's)"))
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_settings_flags(parser, default="paper; its segment, matting, trust and cutout count")


def _add_data_flags(group: argparse._ArgumentGroup) -> None:
    add_split_flags(group)
    group.add_argument("--unknown", type=Path, metavar="DIR", help="pictures of no known category")
    group.add_argument("--least", type=int, default=2, metavar="N", help="pictures a category")
    group.add_argument("--drop-small", action="store_true", help="leave smaller ones out")
    group.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="for cutouts (default: in --out); several runs may share it",
    )


def _add_recipe_flags(group: argparse._ArgumentGroup) -> None:
    for option, kind, default in (
        ("side", int, 224),
        ("epochs", int, 40),
        ("batch", int, 16),
        ("rate", float, 1e-3),
        ("rotation", float, 20.0),
        ("zoom", float, 0.2),
        ("views", int, 4),
        ("seed", int, 0),
    ):
        group.add_argument(
            f"--{option}", type=kind, default=default, metavar="N", help=f"(default: {default:g})"
        )
    group.add_argument("--optimiser", default="sgd", help="sgd (default), adam or rmsprop")
    group.add_argument("--no-flip", action="store_true", help="no horizontal flips")
    group.add_argument(
        "--learn-statistics",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="of batch normalisation (default: with --weights none, and where a "
        "checkpoint has it folded away)",
    )
    group.add_argument("--unbalanced", action="store_true", help="no weights by category")
    group.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "mixed_float16"),
        help="auto (default): mixed where there is a GPU",
    )


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from offline.datasets import open_dataset
    from offline.train.classifier.recipe import Listeners
    from offline.train.classifier.training import train_classifier
    from packsight.commands._progress import bar
    from stages.profiles import read_profile

    plan, splits = _plan(args), _splits(args)
    settings = load(
        read_profile(args.profile or "paper"),
        file=Path(args.config) if args.config else None,
        flags=args.overrides,
    )
    show = not args.quiet
    with bar("cutting", show=show) as cut, bar("training", show=show) as train:
        listeners = Listeners(cut, train, _print_epoch if show else None, _print_note)
        trained = train_classifier(
            open_dataset(args.data),
            args.out,
            plan,
            settings,
            splits=splits,
            cache=args.cache,
            listeners=listeners,
        )
    figures = trained.figures
    print(
        f"{trained.model}: {figures['accuracy']:.1%} of {figures['validation_pictures']:.0f} "
        f"validation pictures right, ECE {figures['ece_before']:.3f} -> "
        f"{figures['ece_after']:.3f}, {figures['parameters']:,.0f} parameters"
    )
    print(f"card: {trained.card}")
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    from engine.errors import ConfigError
    from offline.train.classifier.augmentation import Augmentation
    from offline.train.classifier.backbones import find_backbone
    from offline.train.classifier.loop import Schedule
    from offline.train.classifier.recipe import Plan

    for name, least in (("epochs", 1), ("batch", 1), ("views", 1), ("seed", 0), ("least", 1)):
        if getattr(args, name) < least:
            raise ConfigError(f"--{name} {getattr(args, name)}: must be at least {least}.")
    if args.rate <= 0 or not 0 <= args.zoom < 1:
        raise ConfigError("--rate must be positive and --zoom from 0 to below 1.")
    return Plan(
        backbone=find_backbone(args.backbone),
        side=args.side,
        weights=args.weights,
        frozen=args.frozen_trunk,
        views=args.views,
        schedule=Schedule(args.epochs, args.batch, args.optimiser.lower(), args.rate),
        augmentation=Augmentation(args.rotation, args.zoom, not args.no_flip),
        learn_statistics=args.learn_statistics,
        balanced=not args.unbalanced,
        precision=args.precision,
        seed=args.seed,
    )


def _splits(args: argparse.Namespace) -> Splits:
    from offline.datasets import open_dataset
    from offline.train.classifier.recipe import Splits

    return Splits(
        train=args.train_split,
        validation=args.validation_split,
        hold_out=args.hold_out,
        least=args.least,
        drop_small=args.drop_small,
        unknown=open_dataset(args.unknown) if args.unknown else None,
    )


def _print_epoch(figures: dict[str, float]) -> None:
    print(
        f"epoch {figures['epoch']:.0f}: loss {figures['loss']:.4f}, accuracy "
        f"{figures['accuracy']:.4f}; validation loss {figures['val_loss']:.4f}, accuracy "
        f"{figures['val_accuracy']:.4f}; rate {figures['rate']:g}",
        flush=True,
    )


def _print_note(note: str) -> None:
    print(note, file=sys.stderr, flush=True)
