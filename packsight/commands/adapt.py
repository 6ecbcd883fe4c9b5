"""`packsight adapt GALLERY`."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from packsight.commands._arguments import add_quiet_flag, whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("gallery", metavar="GALLERY", help="gallery to adapt")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--photos",
        metavar="DIR",
        type=Path,
        help="photos as users take them, 10 or more; their products need not be known",
    )
    chosen.add_argument("--off", action="store_true", help="compare vectors as they were described")
    chosen.add_argument(
        "--to", metavar="VERSION", type=int, help="go back to this version of those kept"
    )
    chosen.add_argument(
        "--forget-queries",
        action="store_true",
        help="delete what was learned from queries ([adapt] learn_from_queries)",
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="seed (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_quiet_flag(parser)


def run(args: argparse.Namespace) -> int:
    from packsight.commands._terminal import bar, print_faults

    if args.forget_queries:
        return _forget(args.gallery, as_json=args.json)
    if args.off or args.to is not None:
        return _switch(args.gallery, args.to, as_json=args.json)
    from offline.adapt.gallery import report_lines
    from offline.calibration.adaptation import adapt

    before = _adapted_with_photos(args.gallery) if args.photos is None else None
    with bar("describing photos", show=not args.quiet and args.photos is not None) as progress:
        outcome = adapt(args.gallery, args.photos, seed=args.seed, progress=progress)
    if args.json:
        print(outcome.report.model_dump_json(indent=2))
    else:
        print(f"{args.gallery}: {in_words(outcome.version)}")
        for line in report_lines(outcome.report):
            print(f"  {line}")
    print_faults(outcome.faults)
    if before is not None:
        print(
            f"{args.gallery}: version {before} was adapted with photos, this one is not; go back "
            f"with: packsight adapt {shlex.quote(args.gallery)} --to {before}",
            file=sys.stderr,
        )
    _note_calibration(args.gallery)
    return 0


def _adapted_with_photos(address: str) -> int | None:
    """The version in use, where it was adapted with photos that were given."""
    from engine.errors import GalleryError
    from engine.galleries import open_gallery

    with suppress(GalleryError), open_gallery(address) as gallery:
        adaptation = gallery.adaptation()
        if adaptation is not None and adaptation.photos:
            return gallery.adapted_by()
    return None


def in_words(version: int | None) -> str:
    return "not adapted" if version is None else f"adapted, version {version}"


def _note_calibration(address: str) -> None:
    from engine.errors import GalleryError
    from engine.galleries import open_gallery

    with open_gallery(address) as gallery, suppress(GalleryError):  # one that cannot be read
        calibration, adaptation = gallery.calibration(), gallery.adaptation()
        by = "" if adaptation is None else adaptation.identity
        if calibration is not None and (outdated := calibration.outdated(by, address)):
            print(f"{address}: its calibration is not applied: {outdated}", file=sys.stderr)


def _switch(address: str, version: int | None, *, as_json: bool) -> int:
    from engine.galleries import open_gallery
    from stages.assemble import threads_of

    with open_gallery(address, write=True) as gallery:
        settings = gallery.manifest.read_settings()
        gallery.search_by(settings.search.index, threads_of(settings))
        gallery.adapt_by(version, off=version is None)
    print(json.dumps({"adapted_by": version}) if as_json else f"{address}: {in_words(version)}")
    _note_calibration(address)
    return 0


def _forget(address: str, *, as_json: bool) -> int:
    from engine.galleries import open_gallery

    with open_gallery(address) as gallery:
        forgotten = gallery.forget_queries()
        fitted = [v for v, report in gallery.adaptations().items() if report.photo_queries]
    words = "what was learned from queries is deleted" if forgotten else "nothing was learned"
    if fitted:
        words += (
            f"; adaptations that are kept still centre on their mean: {', '.join(map(str, fitted))}"
        )
    print(json.dumps({"forgotten": forgotten}) if as_json else f"{address}: {words}")
    return 0
