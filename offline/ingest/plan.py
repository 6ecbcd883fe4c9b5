"""Plan an ingest: compare the image files of a folder with the images of the gallery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.curated import Curated
from engine.files import file_sha256
from engine.object_stores import is_stored, path_of
from engine.types import Entry, SkippedFile, Source
from offline.ingest.labels import Label
from offline.ingest.scan import ImageFile, Refusal


@dataclass(frozen=True)
class Task:
    """An image to describe. ``entry.sha256`` is empty until it has been read."""

    file: ImageFile
    entry: Entry
    known: Source | None  # at the same uri, with other content or mask, or without its label


@dataclass(frozen=True)
class Duplicate:
    uri: str
    same_as: str
    known: bool = False  # found by an earlier ingest


@dataclass
class Plan:
    """The work, by kind. ``tasks`` has labelled images first: they vote on the others."""

    tasks: list[Task] = field(default_factory=list)
    amends: dict[int, Entry] = field(default_factory=dict)
    copies: list[tuple[Entry, int]] = field(default_factory=list)  # same content, other product
    stale: list[int] = field(default_factory=list)  # their content is now that of another image
    unchanged: int = 0
    renamed: int = 0
    relabelled: int = 0
    duplicates: list[Duplicate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)  # need not be read the next time
    moved_from: list[str] = field(default_factory=list)  # uris of before
    excluded: list[str] = field(default_factory=list)  # uris of files that stay out of the index
    withdrawn: list[int] = field(default_factory=list)  # images that go out of it
    restored: list[int] = field(default_factory=list)  # images that come back


class Planner:
    """Decides image by image, and remembers its decisions, so that it finds duplicates."""

    def __init__(
        self,
        sources: Iterable[Source],
        skipped: Mapping[str, SkippedFile] | None = None,
        curated: Curated | None = None,
        withdrawn: Iterable[Source] = (),
        *,
        reread: bool = False,
        listed: tuple[Path, frozenset[str] | None] | None = None,
    ) -> None:
        """``skipped``: files that need not be read while they stay as they are, by uri;
        ``curated``: what people decided; ``withdrawn``: images beside the index; ``reread``:
        describe the known images anew, whatever their files look like; ``listed``: a folder of an
        object store, and what lies below."""
        self._root, self._listed = listed or (Path(), None)
        self._curated = curated or Curated()
        self._skipped = {} if reread or not skipped else skipped
        self._reread = reread
        self._by_uri: dict[str, Source] = {}
        self._by_content: dict[str, dict[str, str]] = {}  # sha256 -> product -> uri
        self._by_sha256: dict[str, list[Source]] = {}
        self._sizes: set[int] = set()
        self._sizes_on_disks: set[int] = set()
        self._tags: set[tuple[int, int | None]] = set()  # sizes and inodes of images in stores
        self._confirmed: set[str] = set()  # uris whose content is as in the gallery
        self.plan = Plan()
        self._excluded: list[Source] = []
        for source, is_withdrawn in [
            *((s, True) for s in withdrawn),
            *((s, False) for s in sources),
        ]:
            if source.sha256 in self._curated.excluded:
                self._excluded.append(source)
                self.plan.withdrawn += [] if is_withdrawn else [source.id]
                continue
            self.plan.restored += [source.id] if is_withdrawn else []
            self._by_uri[source.uri] = source
            self._by_sha256.setdefault(source.sha256, []).append(source)
            self._by_content.setdefault(source.sha256, {})[source.product_id] = source.uri
            self._sizes.add(source.size)
            if is_stored(source.uri) and source.inode:
                self._tags.add((source.size, source.inode))
            else:
                self._sizes_on_disks.add(source.size)

    def known_first(self, files: Iterable[ImageFile]) -> list[ImageFile]:
        """The order to consider files in: the labels of known images decide on duplicates."""
        return sorted(originals_first(files), key=lambda file: file.uri not in self._by_uri)

    def consider(self, file: ImageFile, label: Label) -> None:
        """Put one image where it belongs in the plan."""
        entry = _entry(file, label)
        known = self._by_uri.get(file.uri)
        skipped = self._skipped.get(file.uri)
        if skipped and _stamp(skipped) == _stamp(file):
            self._still_skipped(entry, file, known, skipped)
        elif known and self._reread:
            self.plan.tasks.append(Task(file, entry, known))
        elif known and _unchanged(known, file):
            self._same_content(self._curated.applied(entry, known.sha256), file, known)
        elif self._may_be_known(file, known):
            # Hashing is far cheaper than describing.
            self._compare_content(entry, file, known)
        else:
            self.plan.tasks.append(Task(file, entry, known))

    def _may_be_known(self, file: ImageFile, known: Source | None) -> bool:
        """Whether content of this size is known, or any may be curated. Of an object its tag is
        compared, too: to read it takes long, and if it is a copy that has another tag, or curated,
        that is found where it is decoded."""
        if is_stored(file.path) and file.inode:
            touched = known is not None and known.size == file.size
            tagged = (file.size, file.inode) in self._tags
            return touched or tagged or file.size in self._sizes_on_disks
        return file.size in self._sizes or not self._curated.empty

    def finish(self) -> Plan:
        tasks = {task.file.uri: task for task in self.plan.tasks}
        files = sorted((task.file for task in tasks.values()), key=lambda file: file.relative)
        ordered = [tasks[file.uri] for file in originals_first(files)]
        self.plan.tasks = sorted(ordered, key=lambda task: task.entry.category is None)
        return self.plan

    def is_excluded(self, entry: Entry, known: Source | None) -> bool:
        """Whether a person took this content out of the index; the gallery's image at the entry's
        uri, ``known``, becomes stale then."""
        if entry.sha256 not in self._curated.excluded:
            return False
        self.plan.stale += [known.id] if known else []
        self.plan.excluded.append(entry.uri)
        self.plan.skipped.append(_skipped(entry))
        return True

    def is_duplicate(self, entry: Entry, known: Source | None = None) -> Duplicate | None:
        """The other image of this content and product, if there is one; remembers this one if not.

        ``known`` is the gallery's image at the entry's uri; it becomes stale with a duplicate.
        """
        twin = self._twin(entry)
        if twin is not None:
            self.plan.stale += [known.id] if known else []
            self.plan.skipped.append(_skipped(entry))
            return Duplicate(entry.uri, twin, known=entry.uri in self._skipped)
        self._by_content.setdefault(entry.sha256, {})[entry.product_id] = entry.uri
        return None

    def below(self, root: Path) -> list[Source]:
        """The gallery's images of files below ``root``, excluded ones too, moved ones by where they
        were."""
        known = (*self._by_uri.values(), *self._excluded)
        return [source for source in known if path_of(source.uri).is_relative_to(root)]

    def missing(self, root: Path) -> list[Source]:
        """Images of files below ``root`` that are no longer there and were not found moved."""
        moved = set(self.plan.amends)
        return [
            source
            for source in self.below(root)
            if source.id not in moved and self._gone(source.uri)
        ]

    def _still_skipped(
        self, entry: Entry, file: ImageFile, known: Source | None, skipped: SkippedFile
    ) -> None:
        if skipped.reason:
            self.plan.refused.append(Refusal(file.uri, skipped.reason, skipped.remedy))
            self.plan.skipped.append(skipped)
        else:
            self._compare_content(replace(entry, sha256=skipped.sha256), file, known)

    def _same_content(self, entry: Entry, file: ImageFile, known: Source) -> None:
        self._confirmed.add(known.uri)
        touched = _stamp(known) != _stamp(entry)
        if not known.described_as(entry):
            self.plan.tasks.append(Task(file, entry, known))
            self._moved_to(entry, known)
        elif known.labelled_as(entry):
            self.plan.unchanged += 1
            if touched:
                self.plan.amends[known.id] = entry
        else:
            self.plan.relabelled += 1
            self.plan.amends[known.id] = entry
            self._moved_to(entry, known)

    def _compare_content(self, entry: Entry, file: ImageFile, known: Source | None) -> None:
        try:
            sha256 = entry.sha256 or file_sha256(file.path)
        except OSError as error:
            self.plan.refused.append(Refusal(file.uri, f"cannot be read ({error.strerror})"))
            return
        entry = self._curated.applied(entry, sha256)
        if self.is_excluded(entry, known):
            return
        if known and known.sha256 == entry.sha256:
            self._same_content(entry, file, known)
        elif self._twin(entry) and (twin := self.is_duplicate(entry, known)):
            self.plan.duplicates.append(twin)
        elif known is None and (moved := self._moved(entry)):
            if moved.mask == entry.mask:
                self.plan.renamed += 1
            else:
                self.plan.tasks.append(Task(file, entry, moved))
        elif known is None and entry.category and (original := self._original(entry)):
            self.plan.copies.append((entry, original.id))
            self.is_duplicate(entry)
        else:
            self.plan.tasks.append(Task(file, entry, known))

    def _original(self, entry: Entry) -> Source | None:
        """An image of the same content that was cut out by the same mask."""
        known = self._by_sha256.get(entry.sha256, [])
        return next((source for source in known if source.mask == entry.mask), None)

    def _moved(self, entry: Entry) -> Source | None:
        """Claim an image of the same content whose own file is gone."""
        for source in self._by_sha256.get(entry.sha256, []):
            label_lost = source.labelled and entry.category is None
            claimed = source.id in self.plan.amends
            if not label_lost and not claimed and self._gone(source.uri):
                self.plan.amends[source.id] = entry
                self.plan.moved_from.append(source.uri)
                self._moved_to(entry, source)
                return source
        return None

    def _moved_to(self, entry: Entry, source: Source) -> None:
        """Remember that the content of ``source`` is now at the uri and product of ``entry``."""
        products = self._by_content[entry.sha256]
        if products.get(source.product_id) == source.uri:
            del products[source.product_id]
        products[entry.product_id] = entry.uri

    def _twin(self, entry: Entry) -> str | None:
        """Another file that holds the same content for the same product, and still does."""
        uri = self._by_content.get(entry.sha256, {}).get(entry.product_id)
        if uri is None or uri == entry.uri:
            return None
        source = self._by_uri.get(uri)
        if source and source.sha256 == entry.sha256 and not self._still_there(source):
            return None
        return uri

    def _gone(self, uri: str) -> bool:
        """Whether the file is certainly absent; in a folder that we may not read it may exist."""
        if self._listed is not None and path_of(uri).is_relative_to(self._root):
            return uri not in self._listed
        try:
            path_of(uri).stat()  # not exists(), which is False, or raises, where it may not look
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _still_there(self, source: Source) -> bool:
        """Whether the file still has the content that was ingested; it may have been touched."""
        return source.uri in self._confirmed or _untouched(source)


def _skipped(entry: Entry) -> SkippedFile:
    stamp = (entry.size, entry.mtime_ns, entry.ctime_ns or 0, entry.inode or 0)
    return SkippedFile(entry.uri, *stamp, sha256=entry.sha256)


def _untouched(source: Source) -> bool:
    path = path_of(source.uri)
    try:
        status = path.stat()
    except OSError:
        return False
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return _unchanged(source, ImageFile(path, "", *stamp))


def _stamp(file: ImageFile | Source | Entry | SkippedFile) -> tuple[int | None, ...]:
    """What the file system tells of a file without reading it."""
    return file.size, file.mtime_ns, file.ctime_ns, file.inode


def _unchanged(known: Source, file: ImageFile) -> bool:
    """Whether the file is as it was ingested, by all that is known without reading it.

    A date can be set (``cp -p``) and is coarse in archives. When the file changed last cannot be
    set, and another file in its place has another inode; galleries of before lack both.
    """
    return all(
        before in (None, now) for before, now in zip(_stamp(known), _stamp(file), strict=True)
    )


def originals_first(files: Iterable[ImageFile]) -> list[ImageFile]:
    """Files of one size, which may be copies of each other, in the order of the lengths of their
    names and then of their dates, in the places that they had; all others stay where they are."""
    listed = list(files)
    places: dict[int, list[int]] = {}
    for place, file in enumerate(listed):
        places.setdefault(file.size, []).append(place)
    for same in places.values():
        ordered = sorted(
            (listed[place] for place in same),
            key=lambda file: (len(file.path.name), file.mtime_ns, file.relative),
        )
        for place, file in zip(same, ordered, strict=True):
            listed[place] = file
    return listed


def _entry(file: ImageFile, label: Label) -> Entry:
    return Entry(
        uri=file.uri,
        sha256="",
        size=file.size,
        mtime_ns=file.mtime_ns,
        ctime_ns=file.ctime_ns,
        inode=file.inode,
        product_id=label.product,
        category=label.category,
        attributes=label.attributes,
    )
