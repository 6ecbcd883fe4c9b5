"""A gallery copied to another address, and compared image by image at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.curation import Curation
from engine.errors import GalleryError
from engine.galleries import gallery_exists, gallery_identity, open_gallery
from engine.protocols import Gallery, WritableGallery
from engine.types import Description, Progress, Source

CHUNK = 256  # images in memory of each gallery, and in one transaction

_Image = tuple[Source, Description]


@dataclass(frozen=True)
class Copied:
    """``digest``: SHA-256 over all that is kept of the images, in the order of ids: first those in
    the index, then those that are withdrawn."""

    address: str  # of the copy, without a password
    images: int
    withdrawn: int
    decisions: int  # of people, void or not
    digest: str


def copy_gallery(
    origin: str | Path,
    copy: str | Path,
    *,
    progress: Progress | None = None,
) -> Copied:
    """Copy the generation in use, with its ids, adaptations, calibration and what people decided.

    The origin is read as it was at the start, whatever is written to it meanwhile. A copy that was
    stopped goes on with the same call, and takes over what changed since. At the end both are read
    again and compared; ``progress`` counts every image twice. GalleryError where there is a gallery
    with images at ``copy`` that is no unfinished copy of this one, where both differ in the end,
    and as of ``open_gallery``.
    """
    with open_gallery(origin) as read, read.snapshot():
        identity = gallery_identity(origin)
        if gallery_exists(copy) and gallery_identity(copy) == identity:
            raise GalleryError(f"{read.name}: a gallery is not copied to itself.")
        with open_gallery(copy, manifest=read.manifest) as written:
            _require_free(written, identity)
            written.keep_copy_of(identity)
            for withdrawn in (False, True):
                _bring_images(read, written, progress or _unseen, withdrawn=withdrawn)
            decisions = _bring_decisions(origin, copy, read, written)
            _bring_the_rest(read, written)
            in_index, out_of_it, digest = _compared(read, written, progress or _unseen)
            written.keep_copy_of("")
            return Copied(written.name, in_index, out_of_it, decisions, digest)


def _unseen(done: int, total: int) -> None:
    pass


def _require_free(copy: WritableGallery, identity: str) -> None:
    of = copy.copy_of()
    if of == identity or not (of or len(copy) or copy.withdrawn(most=1)):
        return
    what = f"an unfinished copy of {of}" if of else "a gallery with images"
    raise GalleryError(
        f"{copy.name}: there is {what} already.",
        remedy="Copy to another address, or delete that one first.",
    )


def _bring_images(
    origin: Gallery, copy: WritableGallery, progress: Progress, *, withdrawn: bool
) -> None:
    done, lacking, gone = 0, list[_Image](), list[int]()
    for given, found in _side_by_side(origin, copy, withdrawn=withdrawn):
        if given is None:
            assert found is not None
            gone.append(found[0].id)
        else:
            done += 1
            if found is None or _digest(given) != _digest(found):
                lacking.append(given)
        if len(lacking) + len(gone) == CHUNK:
            _change(copy, lacking, gone, withdrawn=withdrawn)
            lacking, gone = [], []
        if not withdrawn and not done % CHUNK:
            progress(done, 2 * max(done, len(origin)))
    _change(copy, lacking, gone, withdrawn=withdrawn)


def _change(
    copy: WritableGallery, images: Sequence[_Image], gone: Sequence[int], *, withdrawn: bool
) -> None:
    if gone:
        copy.remove(gone)
    if images:
        copy.add(
            [source.entry for source, _ in images],
            [description for _, description in images],
            withdrawn={source.sha256 for source, _ in images} if withdrawn else (),
            ids=[source.id for source, _ in images],
        )


def _bring_decisions(
    origin: str | Path, copy: str | Path, read: Gallery, written: WritableGallery
) -> int:
    """How many there are."""
    with Curation.open(origin) as decided, Curation.open(copy) as kept:
        carried_out = read.curated_to() == decided.latest()
        kept.take(decided.log())
        if carried_out:
            written.keep_curated_to(kept.latest())
        return sum(1 for _ in decided.log())


def _bring_the_rest(origin: Gallery, copy: WritableGallery) -> None:
    there = set(copy.adaptations())
    at = {version: version for version in there}
    for version in sorted(set(origin.adaptations()) - there):
        at[version] = copy.keep_adaptation(version, origin.kept_adaptation(version))
    by, off = origin.adapted_by(), origin.adapting_is_off()
    copy.adapt_by(None if by is None else at[by], origin.last_fit(), off=off)
    copy.calibrate(origin.calibration())
    skipped = origin.skipped()
    copy.keep_skipped(list(skipped.values()), forget=list(copy.skipped().keys() - skipped.keys()))
    tables = origin.label_tables()
    for folder in copy.label_tables().keys() | tables.keys():
        copy.keep_label_table(folder, tables.get(folder))
    if (learned := origin.query_statistics()) is not None:
        copy.keep_query_statistics(learned)
    copy.build_indexes()


def _compared(origin: Gallery, copy: Gallery, progress: Progress) -> tuple[int, int, str]:
    """Images, those that are withdrawn, and the digest; GalleryError names the first image that
    differs."""
    total, counts, whole = len(origin), [0, 0], hashlib.sha256()
    for withdrawn in (False, True):
        for given, found in _side_by_side(origin, copy, withdrawn=withdrawn):
            digest = None if given is None else _digest(given)
            if digest is None or found is None or digest != _digest(found):
                source, _ = given or found  # type: ignore[misc]
                raise GalleryError(
                    f"{copy.name}: image {source.id} ({source.uri}) is not as in {origin.name}.",
                    remedy="See that nothing else writes to the copy, and run the same command "
                    "again; check both with: packsight gallery check",
                )
            whole.update(digest)
            counts[withdrawn] += 1
            if not sum(counts) % CHUNK:
                progress(total + sum(counts), total + max(total, sum(counts)))
    progress(total + sum(counts), total + sum(counts))
    return counts[False], counts[True], whole.hexdigest()


def _side_by_side(
    origin: Gallery, copy: Gallery, *, withdrawn: bool
) -> Iterator[tuple[_Image | None, _Image | None]]:
    """By id; None where one of them lacks it."""
    ones, others = _images(origin, withdrawn=withdrawn), _images(copy, withdrawn=withdrawn)
    one, other = next(ones, None), next(others, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0].id < other[0].id):
            yield one, None
            one = next(ones, None)
        elif one is None or other[0].id < one[0].id:
            yield None, other
            other = next(others, None)
        else:
            yield one, other
            one, other = next(ones, None), next(others, None)


def _images(gallery: Gallery, *, withdrawn: bool) -> Iterator[_Image]:
    after = 0
    while True:
        if withdrawn:
            ids = [source.id for source in gallery.withdrawn(after, CHUNK)]
        else:
            ids = gallery.ids_after(after, CHUNK)
        if not ids:
            return
        yield from gallery.described(ids)
        after = ids[-1]


def _digest(image: _Image) -> bytes:
    """Of all that is kept of an image."""
    source, description = image
    scores, keypoints = description.scores, description.keypoints
    facts = [
        {**vars(source), "attributes": dict(source.attributes)},
        [scores.names, scores.unknown, description.quality.flags, description.trust],
        [description.contour.area, description.aligned.area],
    ]
    digest = hashlib.sha256()
    for part in (
        json.dumps(facts, sort_keys=True).encode(),
        scores.probabilities.astype("<f4").tobytes(),
        description.embedding.vector.astype("<f4").tobytes(),
        description.contour.packed.tobytes(),
        description.aligned.packed.tobytes(),
        b"" if keypoints is None else keypoints.to_bytes(),
    ):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
