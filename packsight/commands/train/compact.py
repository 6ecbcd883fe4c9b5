"""`packsight train compact --data DIR DIR`."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_overlay_flags, add_quiet_flag, positive
from packsight.commands.train._run import callbacks_of

if TYPE_CHECKING:
    from offline.prepare.steps import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        metavar="DIR",
        help="data sets of labelled images, with masks or without (with --small by default: "
        "packbench-tiny)",
    )
    add(
        "--out",
        type=Path,
        default=Path("compact"),
        metavar="DIR",
        help="folder to fill; a killed run continues when the command is given again "
        "(default: compact)",
    )
    add("--plan", action="store_true", help="print what would be done, and do nothing")
    add(
        "--from",
        dest="start",
        metavar="PROFILE",
        help="tune the embedder of this profile, such as compact, to the data in place of training "
        "from nothing; refused unless products that were held out are found better",
    )
    add(
        "--minutes",
        type=positive,
        metavar="N",
        help="with --from: what all of it may take, about; fewer epochs, then fewer images "
        "(default: 60)",
    )
    add(
        "--small",
        action="store_true",
        help="a few images and epochs: what is made finds little, but every step is taken",
    )
    add(
        "--recipe",
        type=Path,
        metavar="FILE.toml",
        help="settings of the trainers, a table each (default: those of the shipped networks)",
    )
    add(
        "--teacher",
        default="u2netp",
        metavar="NAME|FILE",
        help="U²-Net that makes the masks of images that have none (default: u2netp)",
    )
    add("--backgrounds", type=Path, metavar="DIR", help="folder of photos to put behind products")
    add_quiet_flag(parser)
    add_overlay_flags(parser.add_argument_group("settings"))


def run(args: argparse.Namespace) -> int:
    from offline.prepare.compact import SETTINGS
    from offline.prepare.steps import take_steps
    from weights.frameworks.network import import_framework

    plan = _plan(args)
    print(plan.text())
    if args.plan:
        return 0
    import_framework("torch")  # before minutes are spent on what it is to learn from
    with callbacks_of(args, loss=("loss", ".4f"), score=("validation", ".4f")) as callbacks:
        take_steps(plan.out, plan.steps, callbacks, lambda line: print(line, flush=True))
    settings = shlex.quote(os.path.relpath(plan.out / SETTINGS))
    print(f"\npacksight ingest FOLDER --gallery GALLERY --config {settings}")
    return 0


def _plan(args: argparse.Namespace) -> Plan:
    from engine.config import load
    from engine.errors import ConfigError
    from offline.prepare.compact import Request, plan_compact
    from offline.prepare.tuning import MINUTES, Tuning, plan_tuning
    from offline.train.recipe_file import read_recipes, shipped_recipes
    from stages.profiles import read_profile

    config = None if args.config is None else Path(args.config)
    base = load(read_profile(args.start or "compact"), file=config, flags=args.overrides)
    tuned = args.start is not None
    if tuned and args.small:
        raise ConfigError("--small trains from nothing.", remedy="Give --from or --small.")
    if not tuned and args.minutes is not None:
        raise ConfigError("--minutes limits tuning.", remedy="Give --from compact with it.")
    data = tuple(args.data or ([Path("packbench-tiny")] if args.small else []))
    if not data:
        raise ConfigError(
            "compact is trained on labelled images.",
            remedy="Give --data DIR, such as one of: packsight data packbench --preset training",
        )
    shipped = "fine-tune" if tuned else "compact-small" if args.small else "compact"
    recipes = read_recipes(args.recipe or shipped_recipes(shipped))
    if tuned:
        minutes = MINUTES if args.minutes is None else args.minutes
        return plan_tuning(Tuning(args.out, data, recipes, base, minutes, args.backgrounds))
    return plan_compact(Request(args.out, data, recipes, base, args.teacher, args.backgrounds))
