"""`packsight query FOLDER --out FILE`: many photos into one file of answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from engine.errors import ConfigError, ImageError, StageError
from engine.galleries import gallery_identity
from engine.request import Request
from engine.types import Results
from offline.ingest.scan import printable, scan
from online.hits_file import HitsFile, answer_json
from online.query_many import answers
from packsight.commands._terminal import bar, print_faults
from stages.open_searcher import OpenSearcher


def run_many(args: argparse.Namespace, opened: OpenSearcher) -> int:
    """0, or 1 where a photo could not be answered, or 130 where it was interrupted."""
    if args.json or args.page or "-" in args.photos:
        raise ConfigError("--json, --page and standard input are of one photo, --out of many.")
    photos = list(_photos(args.photos))
    request = opened.searcher.checked(Request(args.k, categories=args.category))
    with HitsFile(Path(args.out), _query(args.gallery, opened, request)) as file:
        return _answer(file, opened, request, photos, args)


def _photos(given: Sequence[str]) -> Iterator[tuple[str, Path | ImageError]]:
    """The photos by name, those of folders in the order of their paths."""
    for path in map(Path, given):
        if not path.exists():
            raise ConfigError(f"{path}: no such file or folder.", remedy="Check its name.")
        if not path.is_dir():
            yield printable(str(path.absolute())), path
            continue
        found = scan(path)
        files: list[tuple[str, Path | ImageError]] = [(one.uri, one.path) for one in found.images]
        refused = [
            (one.uri, ImageError(one.uri, one.reason, remedy=one.remedy)) for one in found.refused
        ]
        if not files and not refused:
            raise ConfigError(
                f"{path}: no images here or below.",
                remedy="JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC files are read.",
            )
        yield from sorted([*files, *refused], key=lambda photo: photo[0])


def _query(gallery: str, opened: OpenSearcher, request: Request) -> dict[str, object]:
    """What the answers depend on beside the photos."""
    return {
        "gallery": gallery_identity(gallery),
        "answering": opened.searcher.answering(),
        "fingerprint": opened.gallery.fingerprint,
        "index": opened.settings.search.index,
        "k": request.k,
        "categories": None if request.categories is None else list(request.categories),
    }


def _answer(
    file: HitsFile,
    opened: OpenSearcher,
    request: Request,
    photos: Sequence[tuple[str, Path | ImageError]],
    args: argparse.Namespace,
) -> int:
    done = len(file.answered)
    if file.answered != [name for name, _ in islice(photos, done)]:
        raise ConfigError(
            f"{file.part}: holds the answers to other photos.",
            remedy="Delete it to begin anew, or give another name with --out.",
        )
    if done:
        print(f"packsight: {done} of {len(photos)} photos are answered already.", file=sys.stderr)
    faults: list[str] = []
    try:
        with bar("searching", show=not args.quiet) as progress:
            for name, answer in _answered(opened, photos[done:], request, args.workers):
                file.add(answer_json(name, answer))
                if not isinstance(answer, Results):
                    faults.append(str(answer))
                done += 1
                progress(done, len(photos))
        file.finish()
    except KeyboardInterrupt:
        print(
            f"packsight: interrupted after {done} of {len(photos)} photos; the same command goes "
            "on.",
            file=sys.stderr,
        )
        return 130  # 128 + SIGINT
    print_faults(faults)
    print(f"{args.out}: {done - file.failed} of {done} photos answered.")
    return 1 if file.failed else 0


def _answered(
    opened: OpenSearcher,
    photos: Sequence[tuple[str, Path | ImageError]],
    request: Request,
    workers: int | None,
) -> Iterator[tuple[str, Results | ImageError | StageError]]:
    found = answers(
        opened, (photo for _, photo in photos if isinstance(photo, Path)), request, workers
    )
    for name, photo in photos:
        yield name, photo if isinstance(photo, ImageError) else next(found)
