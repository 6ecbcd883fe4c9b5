"""`packsight train embedder --data DIR --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._settings import add_settings_flags
from packsight.commands.train._splits import add_split_flags

if TYPE_CHECKING:
    from offline.train.embedder.augmentation import Augmentation
    from offline.train.embedder.recipe import EmbedderRecipe

# fmt: off
_NETWORK = (
    ("backbone",         str,   "mobilenet_v2", "a trunk of `packsight weights list` or timm/NAME"),
    ("weights",          str,   "catalogue", "where it starts: catalogue, none, or a file"),
    ("layers",           str,   None, "stages to pool, with commas between (default: the last)"),
    ("pooling",          str,   "gem", "gap, mac, gem (p learns), gem_fixed, gem_channel"),
    ("p",                float, 3.0, "of GeM, at the start"),
    ("dimension",        int,   None, "of a projection after pooling (default: there is none)"),
    ("projection-start", str,   "learned", "learned (whitening), pca (whitening) or random"),
    ("freeze",           str,   "none", "none, trunk, or the last stage that does not learn"),
    ("size",             int,   224, "pixels a side of the input; multiples of 32 leave it free"),
)
_LEARNING = (
    ("loss",      str,   "multi_similarity",
     "contrastive, triplet, triplet_hard, multi_similarity, arcface"),
    ("margin",    float, None, "of the loss (default: its paper's)"),
    ("scale",     float, 30.0, "of arcface's logits"),
    ("positives", str,   "product", "product, family, or self: no labels at all"),
    ("agreement", float, 0.9, "with self: contour IoU from which two pictures may match"),
    ("batches",   str,   "random",
     "random, family (near twins together) or mined (hard tuples of the current gallery)"),
    ("products",  int,   8, "a batch"),
    ("views",     int,   4, "of each of them"),
    ("negatives", int,   5, "of a mined tuple"),
    ("furthest",  float, 1.2, "distance of a mined positive"),
    ("epochs",    int,   20, "times that about every picture is shown"),
    ("optimiser", str,   "adamw", "adamw or sgd"),
    ("rate",      float, None, "of learning (default: 1e-4, 1e-3 from nothing; sgd: 100 times)"),
    ("decay",     float, 1e-4, "of weights"),
    ("seed",      int,   0, "same seed, same training"),
)
_AUGMENTATION = (
    ("rotation",   15.0, "degrees to either side"),
    ("stretch",    0.12, "of one axis and of shear"),
    ("slack",      0.12, "by which a mask's box may be off"),
    ("light",      0.35, "change of brightness and contrast"),
    ("colour",     0.15, "change of saturation and of the light's colour"),
    ("shade",      0.5,  "share of pictures darker to one side"),
    ("occlusion",  0.25, "share behind a hand"),
    ("blur",       0.3,  "share blurred"),
    ("noise",      0.25, "share with noise"),
    ("jpeg",       0.3,  "share compressed"),
    ("background", 0.6,  "share before another ground"),
)
# fmt: on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="a data set")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the run's folder; a killed run goes on when the command is given again",
    )
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="for cutouts (default: in --out); several runs may share it",
    )
    add("--quiet", action="store_true", help="no progress")
    add_split_flags(parser.add_argument_group("data"))
    network = parser.add_argument_group("network")
    _add(network, _NETWORK)
    network.add_argument("--grey", action="store_true", help="see no colour")
    network.add_argument(
        "--learn-statistics",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="of batch normalisation (default: with --weights none only)",
    )
    learning = parser.add_argument_group("learning")
    _add(learning, _LEARNING)
    learning.add_argument(
        "--augment-single",
        action="store_true",
        help="let augmentations be the other views of products with one picture",
    )
    augmentation = parser.add_argument_group("augmentation (0 turns one off)")
    _add(augmentation, tuple((name, float, default, said) for name, default, said in _AUGMENTATION))
    augmentation.add_argument("--flip", action="store_true", help="mirror half of the pictures")
    augmentation.add_argument(
        "--backgrounds",
        metavar="N|DIR",
        help="grounds to draw, or photos (default: 256 where cutouts keep their ground, else 0)",
    )
    add_settings_flags(parser, default="paper; its segment, matting, trust and cutout count")


def _add(group: argparse._ArgumentGroup, flags: tuple[tuple[str, type, object, str], ...]) -> None:
    for name, kind, default, said in flags:
        told = said if default is None else f"{said} (default: {default})"
        group.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar="N" if kind is not str else "NAME",
            help=told,
        )


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from offline.datasets import open_dataset
    from offline.train.embedder.data import Splits
    from offline.train.embedder.training import Listeners, train_embedder
    from packsight.commands._progress import bar
    from stages.profiles import read_profile

    recipe = _recipe(args)
    settings = load(
        read_profile(args.profile or "paper"),
        file=Path(args.config) if args.config else None,
        flags=args.overrides,
    )
    show = not args.quiet
    splits = Splits(args.train_split, args.validation_split, args.hold_out)
    with bar("cutting", show=show) as cut, bar("training", show=show) as train:
        trained = train_embedder(
            open_dataset(args.data),
            args.out,
            recipe,
            settings,
            splits=splits,
            cache=args.cache,
            listeners=Listeners(cut, train, _print_epoch if show else None, _print_note),
        )
    before, best, model = trained.before, trained.best, trained.report.path
    print(f"start: mAP {before['score']:.4f}, R@1 {before['recall_1']:.4f}")
    print(
        f"trained: mAP {best['score']:.4f}, R@1 {best['recall_1']:.4f} (epoch {best['epoch']:.0f})"
    )
    print(f'{model}: runs with [embed] name = "onnx", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0


def _recipe(args: argparse.Namespace) -> EmbedderRecipe:
    from offline.train.embedder.recipe import EmbedderRecipe, LearningRecipe, NetworkRecipe

    layers = tuple(name.strip() for name in args.layers.split(",")) if args.layers else ()
    given = args.backgrounds
    return EmbedderRecipe(
        NetworkRecipe(
            backbone=args.backbone,
            weights=args.weights,
            layers=layers,
            pooling=args.pooling,
            p=args.p,
            dimension=args.dimension,
            projection_start=args.projection_start,
            grey=args.grey,
            freeze=args.freeze,
            learn_statistics=args.learn_statistics,
        ),
        LearningRecipe(
            loss=args.loss,
            margin=args.margin,
            scale=args.scale,
            positives=args.positives,
            agreement=args.agreement,
            augment_single=args.augment_single,
            batches=args.batches,
            products=args.products,
            views=args.views,
            negatives=args.negatives,
            furthest=args.furthest,
            epochs=args.epochs,
            optimiser=args.optimiser,
            rate=args.rate,
            decay=args.decay,
        ),
        _augmentation(args),
        backgrounds=None if given is None else int(given) if given.isdecimal() else Path(given),
        size=args.size,
        seed=args.seed,
    )


def _augmentation(args: argparse.Namespace) -> Augmentation:
    from engine.errors import ConfigError
    from offline.train.embedder.augmentation import Augmentation
    from offline.train.embedder.framing import Framing
    from offline.train.embedder.lighting import Lighting

    for name, _, _ in _AUGMENTATION:
        most = 180.0 if name == "rotation" else 1.0
        if not 0 <= getattr(args, name) <= most:
            raise ConfigError(f"--{name} {getattr(args, name)}: must be from 0 to {most:g}.")
    return Augmentation(
        Framing(args.rotation, args.stretch, args.slack, args.flip),
        Lighting(
            args.light, args.colour, args.shade, args.occlusion, args.blur, args.noise, args.jpeg
        ),
        args.background,
    )


def _print_epoch(figures: dict[str, float]) -> None:
    print(
        f"epoch {figures['epoch']:.0f}: loss {figures['loss']:.4f}, "
        f"mAP {figures['score']:.4f}, R@1 {figures['recall_1']:.4f}",
        flush=True,
    )


def _print_note(note: str) -> None:
    print(note, file=sys.stderr, flush=True)
