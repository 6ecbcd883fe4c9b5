"""The flags that every command with settings shares."""

from __future__ import annotations

import argparse


def add_settings_flags(parser: argparse.ArgumentParser, *, default: str) -> None:
    """--profile, --config and --set; ``default`` says what applies without --profile."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--profile",
        metavar="NAME",
        help=f"a shipped profile or a .toml file (default: {default})",
    )
    group.add_argument("--config", metavar="FILE", help="a TOML file laid over the profile")
    group.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="one setting laid over all others, such as rerank.top_n=20; repeatable",
    )
