"""`packsight weights list | fetch | verify | export | quantise`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import (
    add_command,
    add_quiet_flag,
    add_settings_flags,
    positive,
    whole,
)
from stages.profiles import DEFAULT

if TYPE_CHECKING:
    from weights.catalog import CatalogEntry
    from weights.export import ExportReport
    from weights.fetch import FetchPolicy
    from weights.inspection import Verdict

SIZE = 3  # column of the list that is right-aligned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="DIR",
        help="cache folder (default: PACKSIGHT_WEIGHTS_DIR, or the user's cache)",
    )
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    add_command(chosen, "list", "list every checkpoint, its licence and where it lies")
    fetch = add_command(chosen, "fetch", "download checkpoints and verify them")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="names of `packsight weights list`")
    verify = add_command(chosen, "verify", "read checkpoints to the end and compare checksums")
    verify.add_argument(
        "names", nargs="*", metavar="NAME", help="names or .onnx files (default: all on this disk)"
    )
    export = add_command(chosen, "export", "convert a checkpoint to ONNX, with a parity check")
    add = export.add_argument
    add(
        "name",
        metavar="NAME",
        help="name of `packsight weights list`, timm/NAME of any model, or an .onnx file to --half",
    )
    add("--weights", type=Path, metavar="FILE", help="local file to convert: .pth, .h5, …")
    add("--out", type=Path, metavar="FILE", help=".onnx file to write (default: in the cache)")
    add(
        "--layers",
        metavar="NAME,…",
        help="layers of a backbone whose maps are exported besides the features; '' for none "
        "(default: the last of each of the two coarsest grids)",
    )
    add(
        *("--input-size", "--side"),
        dest="side",
        type=int,
        metavar="PIXELS",
        help="input size of a backbone (default: that of its weights)",
    )
    add(
        "--half",
        action="store_true",
        help="store the weights in half precision: half the bytes, computed in float32",
    )
    _add_quantise(add_command(chosen, "quantise", "make a network int8 that finds the same"))


def _add_quantise(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("name", metavar="NAME", help="name of `packsight weights list`, or an .onnx file")
    add(
        "--calibrate",
        type=Path,
        nargs="+",
        required=True,
        metavar="IMAGES",
        help="folders of images, or data sets, that decide the ranges, as many images of each",
    )
    add("--out", type=Path, required=True, metavar="FILE", help=".onnx file to write")
    add(
        "--gate",
        type=Path,
        metavar="DATA",
        help="data set that the network is compared by: it is not written where R@1 or the IoU of "
        "masks loses more than 0.005, or more than 1 %% of the photos change their category",
    )
    add("--protocol", metavar="NAME", help="protocol of --gate (default: its first)")
    add("--limit", type=positive, metavar="N", help="queries of --gate, evenly spread")
    add(
        "--images",
        type=positive,
        default=200,
        metavar="N",
        help="images of --calibrate at most, evenly spread (default: 200)",
    )
    add(
        "--ranges",
        choices=("error", "percentile", "minmax"),
        default="error",
        help="range of each value: with the least squared error, all but 0.0001 on each side, or "
        "all of it (default: error)",
    )
    add(
        "--float-layers",
        type=whole,
        default=4,
        metavar="N",
        help="layers at most that are left in float32 where that helps (default: 4)",
    )
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for descriptions of --gate (default: the user's cache folder)",
    )
    add_quiet_flag(parser)
    add_settings_flags(parser, default=DEFAULT)


def run(args: argparse.Namespace) -> int:
    """Do one action; 1 when a file is damaged or a named one is absent, else 0."""
    from weights.fetch import FetchPolicy

    policy = FetchPolicy(directory=args.dir)
    if args.action == "list":
        return _list(policy)
    if args.action == "fetch":
        return _fetch(args.names, policy)
    if args.action == "verify":
        return _verify(args.names, policy)
    if args.action == "quantise":
        return _quantise(args)
    return _export(args, policy)


def _list(policy: FetchPolicy) -> int:
    from weights.catalog import load_catalog

    entries = load_catalog().values()
    rows = [("name", "kind", "licence", "size", "checksum", "here")]
    rows += [_row(entry, policy) for entry in entries]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[SIZE] = row[SIZE].rjust(widths[SIZE])
        print("  ".join(cells).rstrip())
    print(f"\nCache: {policy.cache}")
    for note in sorted({entry.licence_note for entry in entries if entry.licence_note}):
        names = ", ".join(entry.name for entry in entries if entry.licence_note == note)
        print(f"* {names}: {note}")
    for entry in entries:
        if entry.caution:
            print(f"! {entry.name}: {entry.caution}")
    return 0


def _row(entry: CatalogEntry, policy: FetchPolicy) -> tuple[str, str, str, str, str, str]:
    from weights.inspection import find_copies

    size = entry.megabytes if entry.bytes is None else entry.bytes / 2**20
    places = [copy.place for copy in find_copies(entry, policy.cache)]
    return (
        entry.name,
        entry.kind,
        entry.licence + ("*" if entry.licence_note else ""),
        f"{size:.1f} MiB" if size else "?",
        entry.checksum.form if entry.checksum else "unverified",
        ", ".join(places) or "–",
    )


def _fetch(names: list[str], policy: FetchPolicy) -> int:
    from weights.catalog import find_entry, load_catalog
    from weights.fetch import fetch_checkpoint

    # All names first: a typing error in the last one shows before the first download.
    for entry in [find_entry(name, load_catalog()) for name in names]:
        found = fetch_checkpoint(entry, policy, replace_damaged=True)
        state = "verified" if found.verified else "unverified"
        print(f"{entry.name}: {state}, {found.path}")
        if entry.caution:
            print(f"  {entry.caution}")
        if entry.needs_export:
            print(f"  to run it: packsight weights export {entry.name}")
    return 0


def _verify(names: list[str], policy: FetchPolicy) -> int:
    from weights.catalog import load_catalog
    from weights.inspection import verify_copies

    catalog = load_catalog()
    verdicts: list[Verdict] = []
    absent = []
    for name in names or list(catalog):
        found = verify_copies([name], catalog, policy.cache) if name in catalog else _model(name)
        verdicts += found
        if not found:
            absent.append(name)
    for verdict in verdicts:
        print(f"{verdict.state:<10}  {verdict.path}  ({verdict.why})")
    if names:
        for name in absent:
            print(f"absent      {name}  (get it with: packsight weights fetch {name})")
    elif not verdicts:
        print(f"No weights in {policy.cache}.")
    failed = any(verdict.state == "damaged" for verdict in verdicts)
    return 1 if failed or (names and absent) else 0


def _model(reference: str) -> list[Verdict]:
    from engine.user_folders import expanded
    from weights.catalog import find_entry, load_catalog
    from weights.inspection import verify_model

    path = expanded(reference)
    if path.suffix == ".onnx" and path.is_file():
        return [verify_model(path)]
    find_entry(reference, load_catalog())  # raises: neither a file nor a name
    return []


def _export(args: argparse.Namespace, policy: FetchPolicy) -> int:
    from weights.export import export_checkpoint, find_exportable

    if args.half and args.name.endswith(".onnx"):
        return _halve(args)
    entry = find_exportable(args.name, args.side)
    layers = None if args.layers is None else [name for name in args.layers.split(",") if name]
    report = export_checkpoint(
        entry, policy, weights=args.weights, out=args.out, layers=layers, half=args.half
    )
    _print_parity(entry.name, entry.framework, report)
    if not report.source.verified:
        print(f"  made of {report.source.file}, which matches no published checksum")
    if report.layers:
        print(f"  gives features, and maps of {', '.join(report.layers)}, which agree as well")
    _print_place(report, args.half)
    return 0


def _halve(args: argparse.Namespace) -> int:
    from engine.errors import ConfigError
    from engine.user_folders import expanded
    from weights.export import store_halved

    if args.out is None or args.weights or args.layers is not None or args.side is not None:
        raise ConfigError(
            f"export {args.name} --half: an ONNX file is stored as it is, but for its weights.",
            remedy="Give --out FILE.onnx and no other option.",
        )
    report = store_halved(expanded(args.name), args.out)
    _print_parity(args.name, "the file in float32", report)
    _print_place(report, True)
    return 0


def _quantise(args: argparse.Namespace) -> int:
    from engine.user_folders import expanded, user_cache
    from offline.prepare.int8 import Request, make_int8
    from packsight.commands._terminal import bar, print_faults
    from stages.open_settings import settings_for

    overrides = list(args.overrides)
    if args.dir is not None:
        overrides.append(f"weights.directory={args.dir.absolute()}")
    config = Path(args.config) if args.config else None
    request = Request(
        weights=args.name,
        settings=settings_for(None, profile=args.profile, config=config, overrides=overrides),
        calibrate=tuple(args.calibrate),
        out=expanded(str(args.out)),
        cache=args.cache or user_cache("evaluate"),
        gate=args.gate,
        protocol=args.protocol,
        limit=args.limit,
        images=args.images,
        clipping=args.ranges,
        float_layers=args.float_layers,
    )
    with bar("quantising", show=not args.quiet) as progress:
        report = make_int8(request, progress)
    print_faults(report.faults)
    for change in report.changes:
        print(change.text())
    if not report.changes:
        print("not compared: give a data set with --gate")
    for layer in report.network.float_layers:
        print(f"{layer.name} stays in float32: {layer.gain:.0%} of the error")
    for name, ratio in report.time.items():
        print(f"{name}: {ratio:.2f} of the time in float32")
    before, after = report.sizes
    print(f"{report.path}: {after / 2**20:.1f} MiB in place of {before / 2**20:.1f}")
    return 0


def _print_parity(name: str, other: str, report: ExportReport) -> None:
    parity = report.parity
    print(
        f"{name}: largest absolute difference to {other} "
        f"{parity.max_abs_diff:.3g} over {parity.images} images "
        f"(allowed {parity.tolerance:.3g}; values up to {parity.largest:.3g})"
    )


def _print_place(report: ExportReport, half: bool) -> None:
    stored = f", {report.path.stat().st_size / 2**20:.1f} MiB in half precision" if half else ""
    print(f"  {report.path}{stored}")
