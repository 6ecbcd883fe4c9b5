"""Descriptions made once and kept, in a gallery: what a kill leaves behind is whole.

A gallery of the describing parts' fingerprint below the cache folder; a record's uri says by
content which picture it is of. A second process waits until the first has its descriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.augmentation import augmenting
from engine.describe import Describer
from engine.errors import ConfigError, DamageError
from engine.galleries import gallery_exists, open_gallery
from engine.protocols import Gallery, WritableGallery
from engine.types import CategoryScores, Description, Entry, Progress
from offline.store.images import HashedPicture, key_of, loaded
from offline.store.vectors import locked
from stages.assemble import Parts

BATCH = 16  # pictures described and stored at a time: what a kill may cost
READ = 512  # records read at a time
# What a gallery does not keep of a classifier's answer, and routing asks for.
UNKNOWN, LEAST = "unknown", "least"


@dataclass(frozen=True)
class Wanted:
    """A picture to describe. ``label``: the category that a curator gave, None for a photo.
    ``context`` says what else the description depends on, such as the gallery that votes."""

    hashed: HashedPicture
    label: str | None = None
    context: str = ""

    @property
    def key(self) -> str:
        return "|".join((key_of(self.hashed), self.context, self.label or ""))


@dataclass
class Kept:
    """Descriptions by ``Wanted.key``, and a sentence for every picture that has none."""

    by_key: dict[str, Description] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def and_those(self, more: Kept) -> Kept:
        return Kept(self.by_key | more.by_key, [*self.faults, *more.faults])


class DescriptionCache:
    """Of one set of parts; ``describer`` may be theirs with stages that remember.

    Raises GalleryError and ConfigError where the folder cannot be written or is damaged,
    StageError and WeightsError where a part fails.
    """

    def __init__(
        self, folder: Path, parts: Parts, describer: Describer, *, augment: bool = False
    ) -> None:
        name = f"descriptions-{parts.fingerprint[:16]}{'-augmented' if augment else ''}"
        self._folder = folder / name
        self._describer = augmenting(describer) if augment else describer
        self._settings = parts.settings
        self._manifest = parts.manifest()

    def fill(
        self,
        wanted: Sequence[Wanted],
        *,
        batch: int = BATCH,
        before: Callable[[Sequence[Wanted]], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> Kept:
        """Describe what is not there yet, ``batch`` pictures at a time, ``before`` called with
        each of these batches; returns all that is asked for."""
        once = {one.key: one for one in wanted}
        with self._undamaged():
            there = self._all_there(once)
        if there is not None:
            return there
        kept = Kept()
        with (
            locked(self._folder),
            self._undamaged(),
            open_gallery(self._folder / "gallery", manifest=self._manifest) as gallery,
        ):
            known = {source.uri: source.id for source in gallery.sources()}
            missing = [one for key, one in once.items() if key not in known]
            for start in range(0, len(missing), batch):
                before(missing[start : start + batch])
                self._add(gallery, missing[start : start + batch], kept.faults)
                if progress is not None:
                    progress(min(start + batch, len(missing)), len(missing))
            if missing:
                known = {source.uri: source.id for source in gallery.sources()}
            kept.by_key = _read(gallery, {key: known[key] for key in once if key in known})
        return kept

    def _all_there(self, once: Mapping[str, Wanted]) -> Kept | None:
        """Read without waiting for a run that describes more; None where something is missing."""
        if not gallery_exists(self._folder / "gallery"):
            return None
        with open_gallery(self._folder / "gallery") as gallery:
            known = {source.uri: source.id for source in gallery.sources()}
            if not once.keys() <= known.keys():
                return None
            return Kept(_read(gallery, {key: known[key] for key in once}))

    @contextmanager
    def _undamaged(self) -> Iterator[None]:
        try:
            yield
        except DamageError as error:
            raise ConfigError(
                error.message,
                remedy=f"Delete {self._folder} and run the same command again: it only keeps what "
                "can be described anew.",
            ) from error

    def _add(self, gallery: WritableGallery, chunk: Sequence[Wanted], faults: list[str]) -> None:
        images = loaded([one.hashed for one in chunk], self._settings, self._describer.threads)
        faults += [image for image in images if isinstance(image, str)]
        pairs = [
            (one, image)
            for one, image in zip(chunk, images, strict=True)
            if not isinstance(image, str)
        ]
        described = self._describer.describe(
            [image for _, image in pairs], [one.label for one, _ in pairs]
        )
        found = [one.description for one in described]
        entries = [_entry(one, it.scores) for (one, _), it in zip(pairs, found, strict=True)]
        gallery.add(entries, found)


def _entry(wanted: Wanted, scores: CategoryScores) -> Entry:
    attributes = {UNKNOWN: "yes"} if scores.unknown else {}
    if scores.least is not None:
        attributes[LEAST] = repr(scores.least)
    hashed = wanted.hashed
    return Entry(wanted.key, hashed.sha256, 0, 0, hashed.picture.id, wanted.label, attributes)


def _read(gallery: Gallery, ids: Mapping[str, int]) -> dict[str, Description]:
    keys = list(ids)
    found = {}
    for start in range(0, len(keys), READ):
        part = keys[start : start + READ]
        for key, record in zip(part, gallery.records([ids[key] for key in part]), strict=True):
            scores = _whole(record.description.scores, record.attributes)
            found[key] = replace(record.description, scores=scores)
    return found


def _whole(scores: CategoryScores, attributes: Mapping[str, str]) -> CategoryScores:
    least = attributes.get(LEAST)
    return replace(
        scores,
        unknown=UNKNOWN in attributes,
        least=None if least is None else float(least),
    )
