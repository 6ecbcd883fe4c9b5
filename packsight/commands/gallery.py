"""`packsight gallery info | check | rebuild | delete | export | copy | migrate | rollback`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.names import without_controls
from packsight.commands import _generations, _storage
from packsight.commands._arguments import add_command, add_quiet_flag
from packsight.commands._terminal import bar, print_faults

if TYPE_CHECKING:
    from engine.adaptation import AdaptationReport
    from engine.match_calibration import MatchCalibration
    from engine.protocols import Gallery, WritableGallery
    from engine.types import Source


LOOKED_AT = 10_000  # images whose keypoints are measured
SHOWN = 30  # categories; the rest is counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    info = add_command(chosen, "info", "show what a gallery holds and how it was described")
    check = add_command(chosen, "check", "check every row and every index of a gallery")
    rebuild = add_command(chosen, "rebuild", "derive all indexes of a gallery from its database")
    delete = add_command(chosen, "delete", "delete images of a gallery by product, file or folder")
    export = add_command(chosen, "export", "write every record of a gallery as a line of JSON")
    copy = add_command(
        chosen,
        "copy",
        "copy a gallery to another address, such as a folder to postgresql://…, or bring a copy "
        "up to date",
    )
    copy.add_argument("gallery", metavar="FROM", help="address of the gallery")
    copy.add_argument("to", metavar="TO", help="address where no gallery is yet, or a copy")
    add_quiet_flag(copy)
    migrate, rollback = _generations.add_commands(chosen)
    for part in (info, check, rebuild, delete, export, migrate, rollback):
        part.add_argument("gallery", metavar="GALLERY", help="folder or postgresql:// address")
    info.add_argument("--json", action="store_true", help="print JSON instead of text")
    for flag, metavar, what in (
        ("--product", "ID", "images of this product"),
        ("--file", "PATH", "image of this file"),
        ("--under", "FOLDER", "images of all files below this folder"),
    ):
        delete.add_argument(
            flag,
            metavar=metavar,
            action="append",
            default=[],
            help=f"delete the {what}; may be repeated",
        )
    export.add_argument(
        "--out", metavar="FILE", help="write to this file (default: standard output)"
    )
    export.add_argument(
        "--vectors", action="store_true", help="add embeddings and contours to every record"
    )


def run(args: argparse.Namespace) -> int:
    from engine.galleries import open_gallery

    if args.action in ("migrate", "rollback"):
        return _generations.run(args)
    if args.action == "copy":
        return _copy(args)
    if args.action in ("rebuild", "delete"):
        with open_gallery(args.gallery, write=True) as writer:
            return _rebuild(writer) if args.action == "rebuild" else _delete(writer, args)
    with open_gallery(args.gallery) as gallery:
        if args.action == "info":
            return _info(gallery, as_json=args.json)
        return _check(gallery) if args.action == "check" else _export(gallery, args)


def _info(gallery: Gallery, *, as_json: bool) -> int:
    import json

    from engine.config import STAGES
    from engine.galleries import generations
    from engine.machine import memory
    from engine.query_statistics import LEAST_QUERIES

    manifest = gallery.manifest
    with gallery.snapshot():
        categories = dict(gallery.categories())
        images, products = len(gallery), gallery.count_products()
        counts = gallery.category_counts()
        calibration, fault = _calibration(gallery)
        adaptation = gallery.adaptation()
        version, adaptations = gallery.adapted_by(), gallery.adaptations()
        last_fit = gallery.last_fit()
        keypoints = _keypoints(gallery)
        storage = gallery.storage()
    learned = gallery.query_statistics()
    curated, curation_fault = _curation(gallery)
    networks, network_fault = _networks(gallery)
    held = generations(gallery.address)
    if as_json:
        print(
            json.dumps(
                {
                    **vars(manifest),
                    "images": images,
                    "products": products,
                    "categories": categories,
                    "categories_from": vars(counts),
                    "adapted_by": version,
                    "adaptations": {
                        number: report.model_dump() for number, report in adaptations.items()
                    },
                    "keypoints": keypoints,
                    "queries": 0 if learned is None else learned.count,
                    "calibration": None if calibration is None else calibration.model_dump(),
                    "curation": curated,
                    "networks": networks,
                    "generations": vars(held),
                    "storage": vars(storage),
                },
                ensure_ascii=False,
                indent=2,
            )
        )
        return 0
    print(f"{gallery.name}: {images} images of {products} products")
    largest = set(sorted(categories, key=lambda name: -categories[name])[:SHOWN])
    for name in filter(largest.__contains__, categories):
        print(f"  {categories[name]:7}  {without_controls(name)}")
    if len(categories) > SHOWN:
        rest = sum(count for name, count in categories.items() if name not in largest)
        print(f"  {rest:7}  in {len(categories) - SHOWN:,} smaller categories (--json has all)")
    if categories:
        head = str(manifest.settings.get("classify", {}).get("head", ""))
        print(f"categories   {without_controls(counts.in_words(head))}")
    print(f"fingerprint  {manifest.fingerprint[:16]}, format {manifest.format_version}")
    metric = manifest.settings.get("search", {}).get("metric", manifest.metric)
    index = manifest.settings.get("search", {}).get("index", "exact")
    by = {"exact": "searched exactly"}.get(storage.searched, f"searched by {storage.searched}")
    shown = "" if storage.searched == index else f", {by}"
    print(f"vectors      {manifest.dimension} numbers, {metric} distance, index {index}{shown}")
    dimension = manifest.dimension if adaptation is None else adaptation.dimension
    vectors = _storage.vector_bytes(images, dimension, str(index))
    for line in _storage.lines(storage, vectors, memory()):
        print(line)
    print(f"created      {manifest.created} by {manifest.written_by}")
    of, whole = gallery.copy_of()
    if of and not whole:
        print(f"unfinished   copy of {of}: run the same packsight gallery copy again")
    for line in _generations.lines(gallery.address, held):
        print(line)
    for section in STAGES[:-1]:  # all but the reranker, which may be another at every query
        options = dict(manifest.settings.get(section, {"name": "none"}))
        name = options.pop("name", "?")
        if name == "none":
            continue
        shown = ", ".join(f"{key} = {value}" for key, value in options.items())
        print(f"{section:12} {name}{f' ({shown})' if shown else ''}")
    if keypoints is not None:
        print(f"             {_keypoint_line(images=images, **keypoints)}")
    for network, found in networks.items():
        measured = ", measured fastest here" if found["measured"] else ""
        print(f"network      {without_controls(network)}: {found['runs_by']}{measured}")
    if network_fault:
        print(f"networks     cannot be opened: {network_fault}")
    for line in _adaptation_lines(gallery, version, adaptations, last_fit):
        print(line)
    if learned is not None:
        few = "" if learned.enough else f"; {LEAST_QUERIES} are needed"
        print(f"queries      {learned.count:,} learned from, as means of vectors{few}")
    if curated or curation_fault:
        print(f"curation     {curation_fault or _curation_words(curated)}")
    for line in _calibration_lines(calibration, fault, images):
        print(line)
    by = "" if adaptation is None else adaptation.identity
    if calibration is not None and (outdated := calibration.outdated(by, gallery.name)):
        print(f"             not applied: {outdated}")
    return 0


def _networks(gallery: Gallery) -> tuple[dict[str, dict[str, str | bool]], str]:
    """By what each network of the gallery's own settings runs here, and whether that was measured
    to be fastest; or why they cannot be opened. None is downloaded for it."""
    from engine.errors import PacksightError
    from stages._fastest import fastest
    from stages.assemble import assemble
    from stages.open_settings import settings_for

    try:
        settings = settings_for(gallery.manifest, overrides=("weights.download=false",))
        opened = assemble(settings).networks
    except PacksightError as error:
        return {}, str(error)
    found: dict[str, dict[str, str | bool]] = {}
    for session in opened:
        measured = session.sha256 is not None and session.backend == fastest(
            session.sha256, session.threads
        )
        found[session.path.stem] = {"runs_by": session.runs_by, "measured": measured}
    return found, ""


def _curation(gallery: Gallery) -> tuple[dict[str, int], str]:
    """How many decisions of each kind are in force, or the fault of a file that cannot be read."""
    from engine.curation import Curation
    from engine.errors import GalleryError

    try:
        with Curation.open(gallery.address) as curation:
            return dict(curation.counts()), ""
    except GalleryError as error:
        return {}, str(error)


def _curation_words(counts: Mapping[str, int]) -> str:
    """Such as "2 masks, 1 category"."""
    plural = {"category": "categories"}
    return ", ".join(
        f"{count:,} {kind if count == 1 else plural.get(kind, f'{kind}s')}"
        for kind, count in counts.items()
    )


def _keypoints(gallery: Gallery) -> dict[str, int] | None:
    """Of the images that were looked at, how many have keypoints, and their mean bytes; None
    without a stage that detects them."""
    from engine.keypoints import Keypoints

    if gallery.manifest.settings.get("keypoints", {}).get("name", "none") == "none":
        return None
    sizes = gallery.keypoint_bytes(LOOKED_AT)
    kept = [size for size in sizes if size > len(Keypoints.none().to_bytes())]
    mean = round(sum(kept) / len(kept)) if kept else 0
    return {"looked_at": len(sizes), "with_keypoints": len(kept), "bytes": mean}


def _keypoint_line(*, images: int, looked_at: int, with_keypoints: int, bytes: int) -> str:
    of = "images" if looked_at == images else f"images looked at of {images:,}"
    return f"{with_keypoints:,} of {looked_at:,} {of} have keypoints, {bytes:,} bytes each"


def _adaptation_lines(
    gallery: Gallery,
    version: int | None,
    adaptations: Mapping[int, AdaptationReport],
    last_fit: AdaptationReport | None,
) -> Iterator[str]:
    from offline.adapt.gallery import how_to_gain, report_lines

    others = [str(number) for number in adaptations if number != version]
    kept = f"; kept: {', '.join(others)}" if others else ""
    if version is None or version not in adaptations:
        off = ", switched off" if gallery.adapting_is_off() else ""
        gain = how_to_gain(gallery)
        yield f"adapted      no{off}{kept}{f': {gain}' if gain else ''}"
        if last_fit is not None and not off:
            yield f"             tried {last_fit.created}, {last_fit.images} images"
            yield from (f"             {line}" for line in report_lines(last_fit))
        return
    report = adaptations[version]
    yield f"adapted      version {version} of {report.created}, {report.images} images{kept}"
    yield from (f"             {line}" for line in report_lines(report))


def _calibration(gallery: Gallery) -> tuple[MatchCalibration | None, str]:
    """The calibration, or the fault of one that cannot be read."""
    from engine.errors import GalleryError

    try:
        return gallery.calibration(), ""
    except GalleryError as error:
        return None, str(error)


def _calibration_lines(
    calibration: MatchCalibration | None, fault: str, images: int
) -> Iterator[str]:
    if calibration is None:
        yield f"calibration  {fault or 'none: a query cannot answer that it has no match'}"
        return
    yield (
        f"calibration  of {calibration.created} by {calibration.written_by}, on "
        f"{calibration.figures.products} products' {calibration.source}, with "
        f"{calibration.images} images in the gallery"
    )
    yield from (f"             {line}" for line in calibration.in_words())
    yield from (f"             {caution}" for caution in calibration.cautions(images))


def _check(gallery: Gallery) -> int:
    faults = gallery.check()
    print_faults(faults, shown=len(faults))
    if faults:
        print(f"packsight: {gallery.name}: {len(faults)} faults.", file=sys.stderr)
        return 1
    print(f"{gallery.name}: sound, {len(gallery)} images.")
    return 0


def _rebuild(gallery: WritableGallery) -> int:
    print(f"{gallery.name}: {gallery.rebuild()} indexes derived anew.")
    return 0


def _delete(gallery: WritableGallery, args: argparse.Namespace) -> int:
    from engine.errors import ConfigError, GalleryError
    from engine.names import canonical
    from engine.object_stores import path_of

    if not (args.product or args.file or args.under):
        raise ConfigError(
            "gallery delete: which images? Name them with --product, --file or --under."
        )
    ids: set[int] = set()
    for product in args.product:
        sources = gallery.find(product_id=product) or _product(gallery, product)
        ids |= {source.id for source in sources}
    for path in args.file:
        uri = str(path_of(path).parent.resolve() / path_of(path).name)
        sources = gallery.find(uri=uri) or [
            source for source in gallery.sources() if canonical(source.uri) == canonical(uri)
        ]
        if not sources:
            raise GalleryError(f"{gallery.name}: no image {path!r}; nothing was deleted.")
        ids |= {source.id for source in sources}
    for folder in args.under:
        root = path_of(canonical(str(path_of(folder).resolve())))
        uris = {source.id: path_of(canonical(source.uri)) for source in gallery.sources()}
        below = {identity for identity, uri in uris.items() if uri.is_relative_to(root)}
        if not below:
            raise GalleryError(f"{gallery.name}: no image below {folder!r}; nothing was deleted.")
        ids |= below
    count = gallery.remove(sorted(ids))
    gallery.build_indexes()
    print(f"{gallery.name}: {count} images deleted, {len(gallery)} left.")
    return 0


def _copy(args: argparse.Namespace) -> int:
    from engine.copying import copy_gallery

    with bar("copying, then comparing", show=not args.quiet) as progress:
        copied = copy_gallery(args.gallery, args.to, progress=progress)
    beside = "".join(
        f", {count:,} {what}"
        for count, what in (
            (copied.withdrawn, "withdrawn"),
            (copied.decisions, "decisions"),
            (copied.uploads, "uploads"),
        )
        if count
    )
    print(f"{copied.address}: {copied.images:,} images{beside}; both have digest {copied.digest}.")
    if copied.without_file:
        print(
            f"packsight: the files of {copied.without_file:,} uploads are not here: they are "
            "searched, but cannot be described anew. Run the same command where the service "
            "stored them, or with its PACKSIGHT_UPLOADS_DIR.",
            file=sys.stderr,
        )
    return 0


def _product(gallery: Gallery, name: str) -> list[Source]:
    """The images of a product whose name has another Unicode form; GalleryError for none."""
    from engine.errors import GalleryError
    from engine.names import nearest, same_name

    names = list(dict.fromkeys(product for product, _ in gallery.products()))
    found = [s for same in same_name(name, names) for s in gallery.find(product_id=same)]
    if not found:
        near = nearest(name, names)
        hint = f" Did you mean {near!r}?" if near else ""
        raise GalleryError(f"{gallery.name}: no product {name!r}; nothing was deleted.{hint}")
    return found


def _export(gallery: Gallery, args: argparse.Namespace) -> int:
    from contextlib import closing

    from engine.galleries.export import export_lines, write_lines

    # Closed here, before the gallery is: a reader may go away amid the lines.
    with closing(export_lines(gallery, vectors=args.vectors)) as lines:
        if args.out:
            count = write_lines(Path(args.out), lines)
            print(f"{args.out}: {count} records.")
            return 0
        for line in lines:
            print(line)
    return 0
