"""`packsight profiles [NAME]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from packsight.commands._arguments import add_overlay_flags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="profile or .toml file to print (default: list all)"
    )
    add_overlay_flags(parser)


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from engine.errors import ConfigError
    from stages.profiles import DEFAULT, profile_names, profile_path, read_profile
    from stages.settings_text import settings_text

    if args.name:
        config = None if args.config is None else Path(args.config)
        settings = load(read_profile(args.name), file=config, flags=args.overrides)
        print(settings_text(settings))
        return 0
    if args.config or args.overrides:
        raise ConfigError(
            "--config and --set change a profile, and none is named.",
            remedy=f"Name one: packsight profiles {DEFAULT}",
        )
    for name in profile_names():
        title = profile_path(name).read_text("utf-8").splitlines()[0].lstrip("# ")
        print(f"{name:10} {title}{' (the default)' if name == DEFAULT else ''}")
    return 0
