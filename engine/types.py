"""The values that cross stages: frozen, self-checking, each with its shape and unit.

Arrays inside these values are read-only, so a stage cannot change another one's values.
Boxes are (x1, y1, x2, y2) in pixels, x2 and y2 exclusive. Scores are higher-is-better,
distances lower-is-better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from types import MappingProxyType
from typing import Literal, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from engine.keypoints import KeypointMatch, Keypoints

V = TypeVar("V")
R = TypeVar("R")
UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]  # (items done, items in all)
Box = tuple[int, int, int, int]

# Side of a stored contour in cells: 128 x 128 bits are 2 KiB, and one cell of a package that
# fills the frame is under one percent of its height.
CONTOUR_SIDE = 128

# The category of an image without a label and without a labelled neighbour.
UNCATEGORISED = "uncategorised"


def once(work: Callable[[V], R]) -> Callable[[V], R]:
    """``work`` of an image or a matte, whose result is kept as long as that: several stages need
    it."""
    kept: WeakKeyDictionary[V, R] = WeakKeyDictionary()

    @wraps(work)
    def found(value: V) -> R:
        if value not in kept:
            kept[value] = work(value)
        return kept[value]

    return found


@dataclass(frozen=True, eq=False)
class RGBImage:
    """A decoded image: RGB, EXIF rotation applied, alpha composited on white.

    ``uri`` names it in errors; ``original_size`` is (width, height) in the file, before any
    scaled decoding, after EXIF rotation. ``alpha`` is what the file gave, 0 = transparent; None
    where it has none or is opaque everywhere.
    """

    pixels: UInt8Array  # (H, W, 3)
    uri: str = "<memory>"
    original_size: tuple[int, int] = (0, 0)
    alpha: UInt8Array | None = None  # (H, W)

    def __post_init__(self) -> None:
        _check(self.pixels, "RGBImage.pixels", np.uint8, ndim=3)
        if self.pixels.shape[2] != 3 or 0 in self.pixels.shape:
            raise ValueError(f"RGBImage.pixels must be (H, W, 3), not {self.pixels.shape}")
        _freeze(self.pixels)
        if self.alpha is not None:
            _check(self.alpha, "RGBImage.alpha", np.uint8, ndim=2)
            if self.alpha.shape != self.pixels.shape[:2]:
                raise ValueError(
                    f"RGBImage.alpha must be {self.pixels.shape[:2]}, not {self.alpha.shape}"
                )
            _freeze(self.alpha)
        if self.original_size == (0, 0):
            object.__setattr__(self, "original_size", (self.width, self.height))

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


@dataclass(frozen=True, eq=False)
class Matte:
    """Alpha of the product: the fraction of every pixel that belongs to it, 0 = background.

    ``precise``: exact for a small product too, by the image's own alpha or a closer look.
    """

    alpha: FloatArray  # (H, W) in [0, 1]
    precise: bool = False

    def __post_init__(self) -> None:
        _check(self.alpha, "Matte.alpha", np.float32, ndim=2)
        if self.alpha.size == 0:
            raise ValueError("Matte.alpha must not be empty")
        low, high = float(self.alpha.min()), float(self.alpha.max())
        if not (low >= 0.0 and high <= 1.0):  # also refuses NaN
            raise ValueError(f"Matte.alpha must lie in [0, 1], not [{low}, {high}]")
        _freeze(self.alpha)


@dataclass(frozen=True)
class MatteQuality:
    """Quality flags of a matte; thresholds are in ``engine.quality``, that of trust in the trust
    stage."""

    empty: bool = False
    touches_border: bool = False
    several_objects: bool = False
    nearly_everything: bool = False
    # Trust below the threshold: the image was cut out without it. Or the mask of a shadow.
    untrusted: bool = False
    shadow: bool = False  # the mask looks like a shadow; such a mask is untrusted, too
    own_alpha: bool = False  # the mask is the alpha of the image's file: no doubt, but its source

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the raised flags, in the order of ``QUALITY_FLAGS``."""
        return tuple(name for name in QUALITY_FLAGS if getattr(self, name))

    @property
    def doubts(self) -> tuple[str, ...]:
        """The flags that cast doubt on the mask."""
        return tuple(name for name in DOUBTS if getattr(self, name))

    @property
    def no_product(self) -> bool:
        """Whether the mask shows no product: nothing at all, or a shadow."""
        return self.empty or self.shadow

    @classmethod
    def from_flags(cls, flags: Sequence[str]) -> MatteQuality:
        unknown = set(flags) - set(QUALITY_FLAGS)
        if unknown:
            raise ValueError(f"unknown quality flags {sorted(unknown)}, valid: {QUALITY_FLAGS}")
        return cls(**{name: name in flags for name in QUALITY_FLAGS})


DOUBTS = (
    "empty",
    "touches_border",
    "several_objects",
    "nearly_everything",
    "untrusted",
    "shadow",
)
QUALITY_FLAGS = (*DOUBTS, "own_alpha")


@dataclass(frozen=True, eq=False)
class Cutout:
    """The product cut out of its image for the models: square, with the matte cut the same way.

    ``trust``: how reliable the mask that cut it is, in [0, 1]; None without a trust stage.
    """

    pixels: UInt8Array  # (S, S, 3)
    alpha: FloatArray  # (S, S) in [0, 1], aligned with pixels
    box: Box  # where it came from, in pixels of the source image
    trust: float | None = None

    def __post_init__(self) -> None:
        _check(self.pixels, "Cutout.pixels", np.uint8, ndim=3)
        _check(self.alpha, "Cutout.alpha", np.float32, ndim=2)
        side = self.pixels.shape[0]
        if self.pixels.shape != (side, side, 3) or self.alpha.shape != (side, side):
            raise ValueError(
                f"Cutout must be square and aligned: pixels {self.pixels.shape}, "
                f"alpha {self.alpha.shape}"
            )
        x1, y1, x2, y2 = self.box
        if not (x1 < x2 and y1 < y2):
            raise ValueError(f"Cutout.box must have x1 < x2 and y1 < y2, not {self.box}")
        if self.trust is not None and not 0.0 <= self.trust <= 1.0:
            raise ValueError(f"Cutout.trust must lie in [0, 1], not {self.trust}")
        _freeze(self.pixels)
        _freeze(self.alpha)

    @property
    def side(self) -> int:
        return int(self.pixels.shape[0])


@dataclass(frozen=True, eq=False)
class CategoryScores:
    """A probability for every category the classifier knows; they sum to 1.

    ``unknown``: the classifier's decision that the photo shows none of them, whatever the
    probabilities are. ``least``: the calibrated probability from which a category is worth
    searching; None without calibration. Both steer the routing of a query; a gallery stores
    names and probabilities alone.
    """

    names: tuple[str, ...]
    probabilities: FloatArray  # (C,)
    unknown: bool = False
    least: float | None = None

    def __post_init__(self) -> None:
        _check(self.probabilities, "CategoryScores.probabilities", np.float32, ndim=1)
        if len(self.names) != len(self.probabilities) or not self.names:
            raise ValueError(
                f"CategoryScores needs one probability a name: {len(self.names)} names, "
                f"{len(self.probabilities)} probabilities"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError("CategoryScores.names must be distinct")
        total = float(self.probabilities.sum())
        if not abs(total - 1.0) < 1e-3 or float(self.probabilities.min()) < 0.0:
            raise ValueError(f"CategoryScores.probabilities must be >= 0 and sum to 1, not {total}")
        if self.least is not None and not 0.0 <= self.least <= 1.0:
            raise ValueError(f"CategoryScores.least must lie in [0, 1], not {self.least}")
        _freeze(self.probabilities)

    @classmethod
    def certain(cls, name: str) -> CategoryScores:
        """All probability on one name: a label, not a prediction."""
        return cls((name,), np.ones(1, np.float32))

    @property
    def top(self) -> str:
        """The likeliest category; ties go to the name that comes first."""
        return self.names[int(np.argmax(self.probabilities))]

    def ranked(self) -> list[tuple[str, float]]:
        """(name, probability), likeliest first; ties in alphabetical order."""
        pairs = zip(self.names, self.probabilities.tolist(), strict=True)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


@dataclass(frozen=True, eq=False)
class Embedding:
    """One vector; whether it is L2-normalised is part of the fingerprint."""

    vector: FloatArray  # (D,)

    def __post_init__(self) -> None:
        _check(self.vector, "Embedding.vector", np.float32, ndim=1)
        if self.vector.size == 0 or not bool(np.isfinite(self.vector).all()):
            raise ValueError("Embedding.vector must be finite and not empty")
        _freeze(self.vector)

    @property
    def dimension(self) -> int:
        return int(self.vector.shape[0])


@dataclass(frozen=True, eq=False)
class Contour:
    """A filled contour as packed bits, row by row, with its area in cells."""

    packed: UInt8Array  # (side * side / 8,)
    side: int
    area: int

    def __post_init__(self) -> None:
        _check(self.packed, "Contour.packed", np.uint8, ndim=1)
        if self.side % 8 or self.packed.size * 8 != self.side * self.side:
            raise ValueError(
                f"Contour of side {self.side} needs {self.side * self.side // 8} bytes "
                f"and a side divisible by 8, not {self.packed.size} bytes"
            )
        _freeze(self.packed)

    @classmethod
    def from_mask(cls, mask: BoolArray) -> Contour:
        """Pack a boolean (S, S) mask; S is divisible by 8."""
        side = mask.shape[0]
        if mask.shape != (side, side):
            raise ValueError(f"Contour mask must be square, not {mask.shape}")
        return cls(np.packbits(mask, axis=None), side, int(np.count_nonzero(mask)))

    def mask(self) -> BoolArray:
        """(S, S) bool."""
        bits = np.unpackbits(self.packed, count=self.side * self.side)
        return bits.reshape(self.side, self.side).astype(np.bool_)


@dataclass(frozen=True, eq=False)
class Description:
    """The description of one image, the same offline and online.

    ``trust``: how reliable its mask is, in [0, 1]; None without a trust stage. ``colourless``: the
    image lacks the colour that its describing compares; it steers the routing of a query, a gallery
    does not store it. ``keypoints``: None without a stage that detects them.
    """

    scores: CategoryScores
    embedding: Embedding
    contour: Contour  # in the image frame, as in the paper
    aligned: Contour  # normalised for position and size
    quality: MatteQuality
    trust: float | None = None
    colourless: bool = False
    keypoints: Keypoints | None = None

    def __post_init__(self) -> None:
        if self.trust is not None and not 0.0 <= self.trust <= 1.0:
            raise ValueError(f"Description.trust must lie in [0, 1], not {self.trust}")


@dataclass(frozen=True)
class Entry:
    """One image before it is described: where its file is and what its labels are. ``mask``: the
    digest of the mask of ``engine.decisions`` that it is cut out by; None: of what finds masks.
    ``overruled``: the label in whose place a person's category is, "" for none; None: the category
    is no person's."""

    uri: str
    sha256: str
    size: int  # bytes
    mtime_ns: int
    product_id: str
    category: str | None  # None: no label, the classifier decides
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ctime_ns: int | None = None  # when content, mode or links changed; None: not known
    inode: int | None = None
    mask: str | None = None
    overruled: str | None = None


@dataclass(frozen=True)
class SkippedFile:
    """A file that no image of the gallery is from; need not be read again while it stays as it is.

    It holds the same content as another file, and ``sha256`` of it is known; or it could not be
    decoded, for ``reason``, by what ``decoders`` names: their versions and the limits.
    """

    uri: str
    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: str = ""
    reason: str = ""
    remedy: str = ""
    decoders: str = ""


@dataclass(frozen=True)
class GivenTable:
    """A table of labels that was given for a folder: its path, SHA-256 and number of rows."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Source:
    """An image in a gallery without its description: enough to plan an ingest."""

    id: int
    uri: str
    sha256: str
    size: int  # bytes
    mtime_ns: int
    product_id: str
    category: str
    labelled: bool
    attributes: Mapping[str, str]
    ctime_ns: int | None = None  # None: ingested before it was kept
    inode: int | None = None
    mask: str | None = None  # see ``Entry``: what it was cut out by
    overruled: str | None = None  # see ``Entry``

    @property
    def label(self) -> str | None:
        return self.category if self.labelled else None

    @property
    def entry(self) -> Entry:
        """That it was stored by."""
        return Entry(
            uri=self.uri,
            sha256=self.sha256,
            size=self.size,
            mtime_ns=self.mtime_ns,
            product_id=self.product_id,
            category=self.label,
            attributes=self.attributes,
            ctime_ns=self.ctime_ns,
            inode=self.inode,
            mask=self.mask,
            overruled=self.overruled,
        )

    def described_as(self, entry: Entry) -> bool:
        """Whether its description is one of the entry: the mask is the same, and no label is taken
        away, for then the category must be predicted."""
        return self.mask == entry.mask and not (self.labelled and entry.category is None)

    def labelled_as(self, entry: Entry) -> bool:
        """Whether product, labels and attributes are those of the entry."""
        return (self.product_id, self.label, self.overruled, dict(self.attributes)) == (
            entry.product_id,
            entry.category,
            entry.overruled,
            dict(entry.attributes),
        )


@dataclass(frozen=True)
class MaskInDoubt:
    """An image of a gallery whose mask may be incorrect: its ``trust``, None where it is not
    known, and the doubts of its ``MatteQuality``."""

    id: int
    sha256: str
    trust: float | None
    doubts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the category of an image of a gallery was predicted by."""

    id: int
    sha256: str
    scores: CategoryScores


@dataclass(frozen=True)
class CategoryCounts:
    """Images of a gallery, by where their categories are from.

    ``labelled``: the catalogue; ``predicted``: a classifier or a vote, which calls ``unknown`` of
    them like none of its categories; ``uncategorised``: there was nothing to predict by.
    """

    labelled: int = 0
    predicted: int = 0
    unknown: int = 0
    uncategorised: int = 0

    def in_words(self, head: str) -> str:
        """``head``: what predicts where a gallery has no labels; "": nothing does."""
        by = f" by the head {head}" if head and not self.labelled else ""
        unknown = f" ({self.unknown} look like none of its categories)" if self.unknown else ""
        parts = (
            (self.labelled, f"{self.labelled} images labelled by the catalogue"),
            (self.predicted, f"{self.predicted} images predicted{by}{unknown}"),
            (self.uncategorised, f"{self.uncategorised} without a category"),
        )
        return ", ".join(words for count, words in parts if count)


@dataclass(frozen=True)
class Storage:
    """What a gallery takes, in bytes: ``tables``, wherever they are kept; ``indexes``, the files
    that this machine derived from them; ``free``, on the disk of its folder, None for a server's.
    ``searched``: by what, where a category is large enough, by the gallery's own settings.

    Of a server: the ``partitions`` of the table of descriptions; the seconds since the last change
    that a replica has, by which it may be ``behind``, None where no replica is read; and the
    ``recall`` of its graphs, None where there are none: of 50 queries' nearest 50, as they were
    built, where so many candidates are ``explored``.
    """

    tables: int
    indexes: int
    searched: str = "exact"
    free: int | None = None
    partitions: int | None = None
    behind: float | None = None
    recall: float | None = None
    explored: int | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """One catalogue image in a gallery, with its description."""

    id: int
    sha256: str
    product_id: str
    category: str
    labelled: bool  # False: the category was predicted
    uri: str
    attributes: Mapping[str, str]
    description: Description


@dataclass(frozen=True)
class Neighbour:
    """One row of a nearest-neighbour search."""

    id: int
    distance: float  # lower is nearer; Euclidean (not squared) by default
    category: str


@dataclass(frozen=True)
class Parts:
    """How alike a hit and the query are, each in [0, 1]; None where that was not compared.

    ``look``: by their vectors; ``shape``: the IoU of their contours; ``print``: 1 - least / places,
    of the places that show the same print, more than ``least`` of which are no chance.
    """

    look: float
    shape: float | None = None
    print: float | None = None


@dataclass(frozen=True, eq=False)
class Hit:
    """One hit: a record, its distance, and the reasons for its rank.

    ``score`` and ``distance`` are by the search's metric (see ``engine.distances``), from the
    expanded query where it expands. ``iou`` is None where no contour was compared. ``views`` counts
    the images of the same product among the candidates, this one included. ``probability``: that
    the hit is the photographed product; None without calibration. ``match``: by keypoints; None
    where they were not compared. ``parts``: set of the hits of an answer.
    """

    record: Record
    rank: int  # 1 = best
    score: float
    distance: float
    iou: float | None = None
    why: str = ""
    views: int = 1
    probability: float | None = None
    match: KeypointMatch | None = None
    parts: Parts | None = None

    @property
    def known_parts(self) -> Parts:
        """ValueError where they are not set."""
        if self.parts is None:
            raise ValueError("the hit's parts are not known")
        return self.parts

    def at(self, rank: int) -> Hit:
        return self if rank == self.rank else replace(self, rank=rank)


Verdict = Literal["likely", "unsure", "not in this catalogue"]


@dataclass(frozen=True)
class Route:
    """Which categories were searched, and why."""

    categories: tuple[str, ...]
    probabilities: tuple[float, ...]  # aligned with categories
    unsure: bool  # True: every category was searched
    why: str


@dataclass(frozen=True, eq=False)
class Results:
    """The results of one query.

    ``threshold``: the probability that the first hit must exceed to be a match; None where the
    gallery is not calibrated, or not for these settings. ``absent_below``: the probability up to
    which the catalogue lacks the product; None where the evidence is too thin. ``refuses``:
    whether an unsure hit is no match; not by a calibration that adapting made by itself. ``notes``:
    sentences about that and about the photo.
    """

    hits: tuple[Hit, ...]
    route: Route
    query: Description
    timings: Mapping[str, float]  # seconds per stage, in the order they ran; some run at once
    fingerprint: str
    mask_trust: float | None = None  # reliability of the photo's mask; None without a trust stage
    threshold: float | None = None
    absent_below: float | None = None
    refuses: bool = True
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """Whether the catalogue has the product, by the first hit's probability: above
        ``threshold`` likely, up to ``absent_below`` not in this catalogue, else unsure. None where
        hits have no probabilities."""
        if self.threshold is None or not self.hits or self.hits[0].probability is None:
            return None
        probability = self.hits[0].probability
        if probability > self.threshold:
            return "likely"
        if self.absent_below is not None and probability <= self.absent_below:
            return "not in this catalogue"
        return "unsure"

    @property
    def calibrated(self) -> bool:
        """Whether hits have probabilities, unless they are ``guesses``; where not, ``no_match`` is
        true only without any hit."""
        return self.threshold is not None

    @property
    def guesses(self) -> bool:
        """True where no product was found in the photo: the hits resemble the photo as a whole, or
        the shadow in it. They have no probabilities and are no match."""
        return self.query.quality.no_product

    @property
    def no_match(self) -> bool:
        """True without any hit, or where the first one is not probable enough: the hits are then
        the nearest of the gallery, but no match; ``verdict`` tells the unsure from the absent."""
        if not self.hits or self.threshold is None:
            return not self.hits
        if self.hits[0].probability is None:
            return True
        absent = self.verdict == "not in this catalogue"
        return absent or (self.refuses and self.verdict == "unsure")


def _check(array: npt.NDArray[np.generic], what: str, dtype: type, *, ndim: int) -> None:
    if array.dtype != dtype or array.ndim != ndim:
        raise ValueError(
            f"{what} must be {np.dtype(dtype).name} with {ndim} axes, "
            f"not {array.dtype.name} with shape {array.shape}"
        )


def _freeze(array: npt.NDArray[np.generic]) -> None:
    array.flags.writeable = False
