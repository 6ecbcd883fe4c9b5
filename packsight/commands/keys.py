"""`packsight keys add | list | revoke`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_command

if TYPE_CHECKING:
    from online.service.keys import ApiKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    add = add_command(chosen, "add", "make a key and print it, once")
    listed = add_command(chosen, "list", "show the names and scopes of all keys")
    revoke = add_command(chosen, "revoke", "make a key open nothing from now on")
    for part in (add, revoke):
        part.add_argument("name", metavar="NAME", help="whose key it is, for logs and this list")
    add.add_argument(
        "--scope",
        choices=("read", "curate"),
        required=True,
        help="read: search and look; curate: also write products, jobs and decisions",
    )
    listed.add_argument("--json", action="store_true", help="print as JSON")
    for part in (add, listed, revoke):
        part.add_argument(
            "--file",
            metavar="FILE",
            type=Path,
            help="file of the keys' digests (default: keys.json in the user's folder of settings)",
        )


def run(args: argparse.Namespace) -> int:
    from engine.user_folders import expanded
    from online.service.keys import KeyFile, default_key_file

    file = KeyFile(default_key_file() if args.file is None else expanded(args.file))
    match args.action:
        case "add":
            print(file.add(args.name, args.scope))
        case "revoke":
            file.revoke(args.name)
        case _:
            _list(file.all(), as_json=args.json)
            if not file.all():
                print(f"{file.path}: there is no key in it.", file=sys.stderr)
    return 0


def _list(keys: Sequence[ApiKey], *, as_json: bool) -> None:
    import json

    if as_json:
        shown = [{"name": k.name, "scope": k.scope, "created": k.created} for k in keys]
        print(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    width = max((len(key.name) for key in keys), default=0)
    for key in keys:
        print(f"{key.name:{width}}  {key.scope:6}  {key.created}")
