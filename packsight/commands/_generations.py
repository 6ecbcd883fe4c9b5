"""`packsight gallery migrate` and `rollback`, and what `info` shows of generations."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from packsight.commands._arguments import (
    add_command,
    add_quiet_flag,
    add_settings_flags,
    positive,
)

if TYPE_CHECKING:
    from engine.manifest import Generations
    from engine.types import Progress
    from offline.migrate.report import MigrationReport
    from packsight.commands._arguments import Chosen


def add_commands(chosen: Chosen) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    migrate = add_command(
        chosen, "migrate", "describe a gallery's images by other models, and use these from then on"
    )
    rollback = add_command(
        chosen, "rollback", "use the models again that a gallery was described by before"
    )
    migrate.add_argument(
        "--data",
        metavar="DATA",
        action="append",
        default=[],
        help="data set on which both are compared too, by its first protocol; may be repeated",
    )
    migrate.add_argument(
        "--photos",
        metavar="DATA",
        help="photos of known products to calibrate by, as of `packsight calibrate` (default: the "
        "gallery's own views, where it is calibrated)",
    )
    migrate.add_argument(
        "--force",
        action="store_true",
        help="use it also where it finds less, or where images could not be described",
    )
    add_settings_flags(migrate, default="the gallery's own settings")
    rollback.add_argument(
        "--to", metavar="NAME", help="another generation than the one before (gallery info)"
    )
    rollback.add_argument(
        "--now",
        action="store_true",
        help="use it first, and describe the images that changed since then",
    )
    rollback.add_argument(
        "--force", action="store_true", help="also where images could not be described"
    )
    for part in (migrate, rollback):
        part.add_argument(
            "--workers",
            metavar="N",
            type=positive,
            help="number of decoding processes (default: one a core)",
        )
        part.add_argument("--json", action="store_true", help="print the report as JSON")
        add_quiet_flag(part)
    return migrate, rollback


def run(args: argparse.Namespace) -> int:
    """0: it is in use; 1: it was refused."""
    from packsight.commands._terminal import bar

    with bar("describing", show=not args.quiet) as progress:
        report = _moved(args, progress)
    print(report.to_json() if args.json else report.text())
    return 0 if report.in_use else 1


def _moved(args: argparse.Namespace, progress: Progress) -> MigrationReport:
    from offline.migrate import migrate, rollback

    if args.action == "rollback":
        return rollback(
            args.gallery,
            to=args.to,
            now=args.now,
            force=args.force,
            workers=args.workers,
            progress=progress,
        )
    return migrate(
        args.gallery,
        profile=args.profile,
        config=args.config,
        overrides=args.overrides,
        data=args.data,
        photos=args.photos,
        force=args.force,
        workers=args.workers,
        progress=progress,
    )


def lines(address: str, held: Generations) -> Iterator[str]:
    """Nothing of a gallery that is its own only one."""
    from engine.galleries import open_gallery

    if len(held.names) < 2 and not held.since:
        return
    since = f", since {held.since}" if held.since else ""
    yield f"generation   {held.current} of {', '.join(held.names)}{since}"
    for name in held.names:
        if name == held.current:
            continue
        with open_gallery(address, generation=name) as gallery:
            what = "before it" if name == held.before else "unfinished"
            yield (
                f"             {name}, {what}: {len(gallery)} images, fingerprint "
                f"{gallery.fingerprint[:16]}, created {gallery.manifest.created}"
            )
