"""A gallery copied to another address, and compared image by image at the end."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from engine.curation import Curation
from engine.errors import FingerprintError, GalleryError
from engine.files import sync_folder, write_whole
from engine.galleries import (
    add_generation,
    delete_generation,
    gallery_exists,
    gallery_identity,
    generations,
    open_gallery,
    uploads_folder,
    use_generation,
)
from engine.object_stores import path_of
from engine.protocols import Gallery, WritableGallery
from engine.types import Description, Entry, Progress, Source

CHUNK = 256  # images in memory of each gallery, and in one transaction
# The name of a file that a service stored, by the SHA-256 of its content and a digest of its
# product; see ``online/service/uploads.py``.
_UPLOAD = re.compile(r"(?<![^/\\])([0-9a-f]{64})-[0-9a-f]{32}$")

_DATABASE = re.compile(r"postgres.*:([0-9a-f]{16})", re.DOTALL)

_Image = tuple[Source, Description]


@dataclass(frozen=True)
class Copied:
    """``digest``: SHA-256 over all that is kept of the images, in the order of ids: first those in
    the index, then those that are withdrawn."""

    address: str  # of the copy, without a password
    images: int
    withdrawn: int
    decisions: int  # of people, void or not
    uploads: int  # images whose files a service stored, which are copied too
    without_file: int  # of these: what the origin names could not be read
    digest: str


def copy_gallery(
    origin: str | Path,
    copy: str | Path,
    *,
    progress: Progress | None = None,
) -> Copied:
    """Copy the generation in use, with its ids, adaptations, calibration, what people decided, and
    the files of images that a service stored.

    The origin is read as it was at the start, whatever is written to it meanwhile. A copy that was
    stopped goes on with the same call, and takes over what changed since; so does one that was
    whole, if it was not changed itself. A copy of the generation that the origin had in use before
    gets another generation, which comes into use when it is whole. At the end both have been read
    again and compared; ``progress`` counts every image twice, or as it is compared with what was
    there before. GalleryError where ``copy`` has other images and is no copy of this one, or one
    that was changed; where both differ in the end; and as of ``open_gallery``.
    """
    progress = progress or _unseen
    there = generations(origin)
    with open_gallery(origin, generation=there.current) as read, read.snapshot():
        identity = gallery_identity(origin, there.current)
        if gallery_exists(copy) and gallery_identity(copy) == identity:
            raise GalleryError(f"{read.name}: a gallery is not copied to itself.")
        before = None if there.before is None else gallery_identity(origin, there.before)
        if before is None or not _is_copy_of(copy, before):
            with _opened(copy, read) as written:
                files = _Files(copy)
                whole = _compared_before(read, written, identity, files, progress)
                return _copied(origin, copy, read, written, identity, files, whole, progress)
        # Nothing is written to the generation in use meanwhile.
        with open_gallery(copy, write=True) as used:
            _require_unchanged(used)
            name = add_generation(copy, read.manifest)
            with open_gallery(copy, write=True, generation=name) as written:
                files = _Files(copy)
                copied = _copied(origin, copy, read, written, identity, files, None, progress)
                # So that a rollback of the copy deletes none of them either.
                lacked = [one for one in read.lacked() if used.source(one) is not None]
                written.keep_lacked(lacked)
                use_generation(copy, name)
        for older in generations(copy).unfinished:
            with suppress(GalleryError):  # locked: the next one deletes it
                delete_generation(copy, older)
        return copied


def _copied(
    origin: str | Path,
    copy: str | Path,
    read: Gallery,
    written: WritableGallery,
    identity: str,
    files: _Files,
    whole: _Compared | None,
    progress: Progress,
) -> Copied:
    """``whole``: both as they were compared before, where no image is to be brought."""
    if whole is None:
        written.keep_copy_of(identity)
        for withdrawn in (False, True):
            _bring_images(read, written, files, progress, withdrawn=withdrawn)
    decisions = _bring_decisions(origin, copy, read, written)
    _bring_the_rest(read, written)
    if whole is None:
        whole = _compared(read, written, progress, before=len(read))
        _require_same(read, written, whole.first)
    written.keep_copy_of(identity, _held(written, whole.digest))
    uploads = [source.uri for source in _uploads(written)]
    return Copied(
        address=written.name,
        images=whole.images,
        withdrawn=whole.withdrawn,
        decisions=decisions,
        uploads=len(uploads),
        without_file=sum(not files.has(uri) for uri in uploads),
        digest=whole.digest,
    )


def _opened(copy: str | Path, origin: Gallery) -> WritableGallery:
    try:
        return open_gallery(copy, manifest=origin.manifest)
    except FingerprintError as error:
        raise FingerprintError(
            error.message,
            remedy="Copy to another address, or migrate the one as the other was: packsight "
            "gallery migrate",
        ) from error


def _unseen(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class _Files:
    """Of images that a service stored. They may be the only ones: a copy has its own."""

    address: str | Path  # of the copy

    @cached_property
    def folder(self) -> Path:
        try:
            return uploads_folder(self.address)
        except OSError as error:
            raise _not_written(str(error.filename), error) from error

    def entry(self, source: Source) -> Entry:
        """With the file that the copy has, which is brought there; as it is in the origin where
        that one cannot be read."""
        name = _upload(source)
        if not name:
            return source.entry
        path = self.folder / name
        if not path.is_file() and not self._is_brought(source, path):
            return source.entry
        status = path.stat()
        return replace(
            source.entry,
            uri=str(path),
            mtime_ns=status.st_mtime_ns,
            ctime_ns=status.st_ctime_ns,
            inode=status.st_ino,
        )

    def _is_brought(self, source: Source, path: Path) -> bool:
        try:
            content = path_of(source.uri).read_bytes()
        except OSError:
            return False
        if hashlib.sha256(content).hexdigest() != source.sha256:
            return False
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                sync_folder(self.folder.parent)
            write_whole(path, content)
        except OSError as error:
            raise _not_written(path, error) from error
        return True

    def has(self, uri: str) -> bool:
        path = Path(uri)
        return path.parent == self.folder and path.is_file()

    def are_brought(self, origin: Gallery, copy: Gallery) -> bool:
        """Whether the copy has all that can be read; what it lacks is brought."""
        there = {source.id: source.uri for source in _uploads(copy)}
        brought = [(source, self.entry(source).uri) for source in _uploads(origin)]
        return all(uri in (source.uri, there.get(source.id)) for source, uri in brought)


def _not_written(path: str | Path, error: OSError) -> GalleryError:
    return GalleryError(
        f"{path}: an image that was sent to a service cannot be stored there ({error.strerror}).",
        remedy="Free space, or see that this user may write there, and run the same command again.",
    )


def _upload(source: Source) -> str:
    """The name of a file that a service stored, wherever it lies; "" for another one."""
    found = _UPLOAD.search(source.uri)
    return found[0] if found is not None and found[1] == source.sha256 else ""


def _uploads(gallery: Gallery) -> Iterator[Source]:
    yield from filter(_upload, gallery.sources())
    yield from filter(_upload, gallery.withdrawn())


@dataclass(frozen=True)
class _Compared:
    """``digest`` of the copy; the ``first`` image that one of both lacks, or that is another."""

    images: int  # of the copy
    withdrawn: int
    digest: str
    first: Source | None


def _compared_before(
    origin: Gallery, copy: WritableGallery, identity: str, files: _Files, progress: Progress
) -> _Compared | None:
    """Both, where the copy has all images of the origin; None where these are to be brought.
    GalleryError where it would lose what it alone has."""
    of, held = copy.copy_of()
    of = identity if _token(of) == _token(identity) else of
    if of and not held:
        if of != identity:
            raise _taken(copy, f"there is an unfinished copy of {of} already")
        return None
    if not len(copy) and not copy.withdrawn(most=1):
        return None
    compared = _compared(origin, copy, progress, before=0)
    if (of, held) != (identity, _held(copy, compared.digest)):
        if compared.first is not None:
            changed = "this copy was changed itself since it was made"
            raise _taken(copy, changed if of == identity else "there is a gallery already")
        if _held(copy, compared.digest) != _held(origin, compared.digest):
            raise _taken(copy, "holds these images, adapted or calibrated otherwise")
    is_whole = compared.first is None and files.are_brought(origin, copy)
    return compared if is_whole else None


def _token(identity: str) -> str:
    """What is the gallery's own: that of a database may be read by another user, or host."""
    found = _DATABASE.fullmatch(identity)
    return found[1] if found is not None else identity


def _is_copy_of(copy: str | Path, identity: str) -> bool:
    """The generation in use."""
    if not gallery_exists(copy):
        return False
    with open_gallery(copy) as used:
        return _token(used.copy_of()[0]) == _token(identity)


def _require_unchanged(copy: Gallery) -> None:
    """GalleryError for a copy that holds what it alone has."""
    _, held = copy.copy_of()
    whole = hashlib.sha256()
    for withdrawn in (False, True):
        for image in _images(copy, withdrawn=withdrawn):
            whole.update(_digest(image))
    if held and held != _held(copy, whole.hexdigest()):
        raise _taken(copy, "this copy was changed itself since it was made")


def _taken(copy: Gallery, what: str) -> GalleryError:
    return GalleryError(
        f"{copy.name}: {what}.",
        remedy="Copy to another address, or delete that one first.",
    )


def _held(gallery: Gallery, digest: str) -> str:
    """Of all in a gallery whose images have this digest that a copy would replace."""
    adaptation, calibration = gallery.adaptation(), gallery.calibration()
    rest = [
        None if adaptation is None else adaptation.identity,
        gallery.adapting_is_off(),
        None if calibration is None else calibration.model_dump_json(),
    ]
    return hashlib.sha256(f"{digest} {json.dumps(rest)}".encode()).hexdigest()


def _bring_images(
    origin: Gallery, copy: WritableGallery, files: _Files, progress: Progress, *, withdrawn: bool
) -> None:
    done, lacking, gone = 0, list[tuple[int, Entry, Description]](), list[int]()
    for given, found in _side_by_side(origin, copy, withdrawn=withdrawn):
        if given is None:
            assert found is not None
            gone.append(found[0].id)
        else:
            done += 1
            source, description = given
            entry = files.entry(source)
            if found is None or _digest(given) != _digest(found) or found[0].uri != entry.uri:
                lacking.append((source.id, entry, description))
        if len(lacking) + len(gone) == CHUNK:
            _change(copy, lacking, gone, withdrawn=withdrawn)
            lacking, gone = [], []
        if not withdrawn and not done % CHUNK:
            progress(done, 2 * max(done, len(origin)))
    _change(copy, lacking, gone, withdrawn=withdrawn)


def _change(
    copy: WritableGallery,
    images: Sequence[tuple[int, Entry, Description]],
    gone: Sequence[int],
    *,
    withdrawn: bool,
) -> None:
    if gone:
        copy.remove(gone)
    if images:
        copy.add(
            [entry for _, entry, _ in images],
            [description for _, _, description in images],
            withdrawn={entry.sha256 for _, entry, _ in images} if withdrawn else (),
            ids=[identity for identity, _, _ in images],
        )


def _bring_decisions(
    origin: str | Path, copy: str | Path, read: Gallery, written: WritableGallery
) -> int:
    """How many there are."""
    with Curation.open(origin) as decided, Curation.open(copy) as kept:
        carried_out = read.curated_to() == decided.latest()
        kept.take(decided.log())
        count = sum(1 for _ in decided.log())
        # Else there are others, which are carried out with all of them.
        if carried_out and count == sum(1 for _ in kept.log()):
            written.keep_curated_to(kept.latest())
        return count


def _bring_the_rest(origin: Gallery, copy: WritableGallery) -> None:
    there = {
        (kept.identity, kept.photos): version
        for version in copy.adaptations()
        for kept in [copy.kept_adaptation(version)]
    }
    at = dict[int | None, int | None]({None: None})
    for version in sorted(origin.adaptations()):
        adaptation = origin.kept_adaptation(version)
        known = there.get((adaptation.identity, adaptation.photos))
        at[version] = known or copy.keep_adaptation(version, adaptation)
    copy.adapt_by(at[origin.adapted_by()], origin.last_fit(), off=origin.adapting_is_off())
    copy.calibrate(origin.calibration())
    skipped = origin.skipped()
    copy.keep_skipped(list(skipped.values()), forget=list(copy.skipped().keys() - skipped.keys()))
    tables = origin.label_tables()
    for folder in copy.label_tables().keys() | tables.keys():
        copy.keep_label_table(folder, tables.get(folder))
    learned, known_here = origin.query_statistics(), copy.query_statistics()
    # Searches of the copy may have taught it more.
    if learned is not None and (known_here is None or known_here.count < learned.count):
        copy.keep_query_statistics(learned)
    copy.build_indexes()


def _compared(origin: Gallery, copy: Gallery, progress: Progress, *, before: int) -> _Compared:
    """``before``: images that progress has counted."""
    total, counts, whole = len(origin), [0, 0], hashlib.sha256()
    first: Source | None = None
    for withdrawn in (False, True):
        for given, found in _side_by_side(origin, copy, withdrawn=withdrawn):
            digest = None if found is None else _digest(found)
            if first is None and (digest is None or given is None or digest != _digest(given)):
                first = (given or found)[0]  # type: ignore[index]
            if digest is not None:
                whole.update(digest)
                counts[withdrawn] += 1
            if not sum(counts) % CHUNK:
                progress(before + sum(counts), before + max(total, sum(counts)))
    progress(before + sum(counts), before + sum(counts))
    return _Compared(counts[False], counts[True], whole.hexdigest(), first)


def _require_same(origin: Gallery, copy: Gallery, first: Source | None) -> None:
    """GalleryError names the ``first`` image that differs."""
    if first is not None:
        raise GalleryError(
            f"{copy.name}: image {first.id} ({first.uri}) is not as in {origin.name}.",
            remedy="See that nothing else writes to the copy, and run the same command again; "
            "check both with: packsight gallery check",
        )


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
    """Of all that is kept of an image; a file that a service stored may lie anywhere."""
    source, description = image
    scores, keypoints = description.scores, description.keypoints
    if name := _upload(source):
        source = replace(source, uri=name, mtime_ns=0, ctime_ns=None, inode=None)
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
