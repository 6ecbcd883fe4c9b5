"""`packsight train matting --data DIR --out DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

# Flags that go into the recipe as they are: name, type, default, help. The defaults are those of
# offline.train.matting_recipe.MattingRecipe, which a test holds to these.
FLAGS: tuple[tuple[str, type, object, str], ...] = (
    ("start", str, "", "a state dict (.pth) to go on from"),
    ("split", str, "train", "split to learn from"),
    ("validation", str, "validation", "split to judge on"),
    ("limit", int, None, "at most so many pictures to learn from"),
    ("composites", int, 600, "products before other grounds, besides the pictures"),
    ("backgrounds", str, "", "folder of photos for the grounds (default: drawn ones)"),
    ("segmenter", str, "u2netp", "U²-Net weights whose mattes are to be refined"),
    ("judged", int, 120, "validation pictures"),
    ("epochs", int, 7, "passes over the pictures"),
    ("batch", int, 6, "pictures a step"),
    ("side", int, 192, "pixels of the crops to train on, divisible by 8"),
    ("rate", float, 2e-3, "learning rate"),
    ("seed", int, 0, "of everything random"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", required=True, help="a data set with mattes")
    parser.add_argument("--out", metavar="DIR", required=True, help="where the run lives")
    parser.add_argument(
        "--network", choices=("compact", "fba"), default="compact", help="(default: compact)"
    )
    for name, kind, default, text in FLAGS:
        shown = text if default in ("", None) else f"{text} (default: {default})"
        parser.add_argument(
            f"--{name}", metavar=kind.__name__.upper(), type=kind, default=default, help=shown
        )
    parser.add_argument(
        "--saliency", metavar="DIR", help="keep the segmenter's mattes here (default: below OUT)"
    )
    parser.add_argument(
        "--bfloat16", action="store_true", help="train in it: faster on a CPU that has it"
    )
    parser.add_argument("--threads", metavar="N", type=int, help="of torch (default: all cores)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    from contextlib import ExitStack

    from engine.errors import ConfigError
    from packsight.commands._progress import bar
    from weights.frameworks.network import import_framework

    torch = import_framework("torch")  # before the modules whose networks are classes of it
    import_framework("onnxscript")  # missing, it would be missed after the training
    from offline.train.matting.recipe import MattingRecipe
    from offline.train.matting.training import CARD, MODEL, train_matting

    if args.threads is not None and args.threads < 1:
        raise ConfigError(f"--threads must be at least 1, not {args.threads}.")
    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = {name: getattr(args, name) for name, *_ in FLAGS}
    recipe = MattingRecipe(data=args.data, network=args.network, bfloat16=args.bfloat16, **chosen)
    with ExitStack() as bars:
        folder = train_matting(
            recipe,
            Path(args.out),
            lambda title: bars.enter_context(bar(title, show=not args.quiet)),
            saliency=Path(args.saliency) if args.saliency else None,
        ).path
    print((folder / CARD).read_text("utf-8"))
    print(f'Use it: [matting] name = "fba", weights = "{folder / MODEL}"')
    return 0
