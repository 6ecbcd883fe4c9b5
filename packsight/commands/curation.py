"""`packsight curation export | import`."""

from __future__ import annotations

import argparse
from pathlib import Path

from packsight.commands._arguments import add_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    export = add_command(chosen, "export", "write all decisions about a gallery as lines of JSON")
    taken = add_command(chosen, "import", "add exported decisions to those about a gallery")
    for part in (export, taken):
        part.add_argument("gallery", metavar="GALLERY", help="folder or postgresql:// address")
    export.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="file to write, such as c.jsonl"
    )
    taken.add_argument("file", metavar="FILE", type=Path, help="file that an export wrote")


def run(args: argparse.Namespace) -> int:
    from engine.curation import Curation
    from engine.curation_lines import export_decisions, import_decisions
    from engine.galleries import open_gallery

    with open_gallery(args.gallery), Curation.open(args.gallery) as curation:
        if args.action == "export":
            print(f"{args.out}: {export_decisions(curation, args.out)} decisions.")
            return 0
        new = import_decisions(curation, args.file)
        print(f"{args.gallery}: {new} new decisions{'; the next ingest applies them' * bool(new)}.")
    return 0
