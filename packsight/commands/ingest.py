"""`packsight ingest FOLDER --gallery DIR`."""

from __future__ import annotations

import argparse

from packsight.commands._arguments import add_quiet_flag, add_settings_flags, positive
from stages.profiles import DEFAULT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="folder of images, which may lie in folders of any depth; or the address of one in an "
        "object store: s3://, gs:// or az:// (docs/ingesting.md)",
    )
    parser.add_argument(
        "--gallery",
        metavar="ADDRESS",
        required=True,
        help="gallery, created where there is none: a folder or postgresql://…",
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--labels",
        metavar="TABLE",
        help="CSV, .xlsx or JSON with the columns path, category, product and any attributes; "
        "used again at the next ingests of FOLDER",
    )
    labels.add_argument(
        "--forget-labels",
        action="store_true",
        help="no longer use the TABLE given at an earlier ingest of FOLDER",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        help="number of decoding processes (default: one a core), or of workers with --ray",
    )
    parser.add_argument(
        "--prune", action="store_true", help="delete images below FOLDER whose files are gone"
    )
    parser.add_argument(
        "--force-prune",
        action="store_true",
        help="prune also where a whole folder or more than half of the images are gone",
    )
    parser.add_argument(
        "--reread",
        action="store_true",
        help="describe all images anew, also those whose files look as before",
    )
    parser.add_argument(
        "--no-adapt",
        dest="adapt",
        action="store_false",
        help="leave the adaptation to the catalogue as it is (packsight adapt)",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="",
        help="describe on the machines of a Ray cluster, for a gallery in PostgreSQL; without "
        "ADDRESS that of RAY_ADDRESS, or processes of this machine (docs/ingesting.md)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_quiet_flag(parser)
    add_settings_flags(parser, default=f"the gallery's own, or {DEFAULT} for a new one")


def run(args: argparse.Namespace) -> int:
    from offline.ingest import ingest
    from packsight.commands._terminal import bar

    with bar("describing", show=not args.quiet) as progress:
        report = ingest(
            args.folder,
            args.gallery,
            profile=args.profile,
            config=args.config,
            overrides=args.overrides,
            labels=args.labels,
            forget_labels=args.forget_labels,
            workers=args.workers,
            prune=args.prune,
            force_prune=args.force_prune,
            reread=args.reread,
            adapt=args.adapt,
            ray=args.ray,
            progress=progress,
        )
    print(report.to_json() if args.json else report.text())
    if report.interrupted:
        return 130  # 128 + SIGINT
    return 1 if report.did_nothing else 0
