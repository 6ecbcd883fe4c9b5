"""`packsight prepare paper --data LABELLED`."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from offline.train.classifier.recipe import ClassifierRecipe, ClassifierSplits
from packsight.commands._arguments import add_command, add_overlay_flags, add_quiet_flag
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import callbacks_of

if TYPE_CHECKING:
    from offline.prepare.paper import Missing

FILES = {
    "u2net": "U²-Net: an .onnx file, or the authors' u2net.pth (default: fetched)",
    "fba": "FBA matting: the authors' FBA.pth, or an .onnx file (its authors offer no address)",
    "resnet50": "ResNet-50: torchvision's .pth, or an .onnx file (default: fetched and exported)",
    "classifier": "a trained classifier.onnx, its sidecars beside it: nothing is trained",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    paper = add_command(chosen, "paper", "make all that the profile `paper` needs, into one folder")
    add = paper.add_argument
    add(
        "--data",
        type=Path,
        metavar="LABELLED",
        help="data set, or a folder of images for each category, that the classifier learns from",
    )
    add(
        "--out",
        type=Path,
        default=Path("paper"),
        metavar="DIR",
        help="folder to fill; a killed run continues when the command is given again "
        "(default: paper)",
    )
    add("--plan", action="store_true", help="print what would be done, and do nothing")
    add(
        "--offline",
        action="store_true",
        help="fetch nothing: list the files that are missing and where they go",
    )
    add_quiet_flag(paper)
    files = paper.add_argument_group("local files")
    for name, text in FILES.items():
        files.add_argument(f"--{name}", type=Path, metavar="FILE", help=text)
    files.add_argument(
        "--no-matting", dest="matting", action="store_false", help="leave FBA matting out"
    )
    add_recipe_flags(paper, ClassifierRecipe, paper.add_argument_group("classifier"))
    add_recipe_flags(paper, ClassifierSplits, paper.add_argument_group("splits"))
    add_overlay_flags(paper.add_argument_group("settings"))


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from offline.prepare.paper import Request, plan_paper, prepare_paper
    from stages.profiles import read_profile

    config = None if args.config is None else Path(args.config)
    base = load(read_profile("paper"), file=config, flags=args.overrides)
    if args.offline:
        weights = base.weights.model_copy(update={"download": False})
        base = base.model_copy(update={"weights": weights})
    given = {name: getattr(args, name) for name in FILES}
    request = Request(
        args.out,
        base,
        args.data,
        {name: path for name, path in given.items() if path is not None},
        args.matting,
        recipe_of(args, ClassifierRecipe),
        recipe_of(args, ClassifierSplits),
    )
    plan = plan_paper(request)
    print(plan.text())
    for one in plan.missing:
        _print_missing(one)
    if args.plan:
        return 0
    with callbacks_of(
        args,
        loss=("loss", ".4f"),
        accuracy=("accuracy", ".4f"),
        val_loss=("validation loss", ".4f"),
        val_accuracy=("validation accuracy", ".4f"),
        rate=("learning rate", "g"),
    ) as callbacks:
        prepare_paper(plan, callbacks, lambda line: print(line, flush=True))
    settings = shlex.quote(os.path.relpath(plan.settings_file))
    print(f"\npacksight ingest FOLDER --gallery GALLERY --config {settings}")
    return 0


def _print_missing(one: Missing) -> None:
    from offline.prepare.steps import size_of

    entry = one.entry
    checksum = entry.checksum or "no checksum is published"
    print(f"missing: {entry.filename}, {size_of(entry)}, {checksum}")
    print(f"  licence  {entry.licence}. {entry.licence_note}".rstrip())
    print(f"  from     {entry.url or entry.page}")
    print(f"  put at   {one.place}")
    print(f"  or give  {one.flag}\n")
