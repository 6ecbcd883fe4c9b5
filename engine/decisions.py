"""What people decide about catalogue images and products: the values, and each as a line of JSON.

Images are named by the SHA-256 of their files, products by their ids, so that a decision is about
the same image in every gallery. Later decisions about one thing, its ``slot``, replace earlier
ones. Values that do not fit raise ValueError.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, get_args, get_type_hints

import cv2
import numpy as np

from engine.names import canonical
from engine.types import BoolArray, FloatArray, Matte

MOST_SIDE = 512  # of a mask, in cells: 32 KiB, and twice as fine as what is drawn on
MOST_NAME = 4096  # characters of a category or a product id, which may be a path
MOST_WHO = 200

_SHA256 = re.compile("[0-9a-f]{64}")
_ID = re.compile("[0-9a-f]{16}")
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

Plain = Mapping[str, str | int | None]  # of JSON


@dataclass(frozen=True)
class Mask:
    """A binary matte of a whole upright image, on a grid of its own: ``packed`` bits row by row,
    rows not padded, 1 = product. Not empty."""

    width: int
    height: int
    packed: bytes

    def __post_init__(self) -> None:
        if not (1 <= self.width <= MOST_SIDE and 1 <= self.height <= MOST_SIDE):
            raise ValueError(
                f"a mask has sides of 1 to {MOST_SIDE}, not {self.width} x {self.height}"
            )
        cells = self.width * self.height
        if len(self.packed) != -(-cells // 8):
            raise ValueError(
                f"a mask of {self.width} x {self.height} has {-(-cells // 8)} bytes, "
                f"not {len(self.packed)}"
            )
        if cells % 8 and self.packed[-1] & (0xFF >> cells % 8):
            raise ValueError("a mask has no bits beyond its last cell")
        if not any(self.packed):
            raise ValueError("a mask holds some product; exclude an image that shows none")

    @classmethod
    def from_bits(cls, bits: BoolArray) -> Mask:
        """(H, W) bool."""
        height, width = bits.shape
        return cls(width, height, np.packbits(bits, axis=None).tobytes())

    def bits(self) -> BoolArray:
        """(H, W) bool."""
        found = np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.width * self.height)
        return found.reshape(self.height, self.width).astype(np.bool_)

    def matte(self, height: int, width: int) -> Matte:
        """For an image of this size, in pixels."""
        alpha: FloatArray = self.bits().astype(np.float32)
        if alpha.shape != (height, width):
            shrinks = height <= self.height and width <= self.width
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            resized = cv2.resize(alpha, (width, height), interpolation=how)
            alpha = np.asarray(np.clip(resized, 0, 1), np.float32)
        return Matte(alpha, precise=True)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of sides and bits, 64 hex digits."""
        sides = f"{self.width} {self.height}\n".encode()
        return hashlib.sha256(sides + self.packed).hexdigest()


@dataclass(frozen=True)
class MaskDecision:
    """A person drew this mask of an image: it is cut out by it from now on."""

    kind: ClassVar = "mask"
    image: str
    mask: Mask

    def __post_init__(self) -> None:
        _require_sha256(self.image)

    @property
    def slot(self) -> str:
        return self.image


@dataclass(frozen=True)
class AcceptedMask:
    """The mask that an image has been cut out by is correct; here as coarse as it is kept. It
    stays as it is."""

    kind: ClassVar = "accepted mask"
    image: str
    mask: Mask

    def __post_init__(self) -> None:
        _require_sha256(self.image)

    @property
    def slot(self) -> str:
        return f"{self.image} {self.mask.digest}"


@dataclass(frozen=True)
class Exclusion:
    """An image stays in the catalogue and out of the index; ``excluded`` False: it is back."""

    kind: ClassVar = "exclusion"
    image: str
    excluded: bool = True

    def __post_init__(self) -> None:
        _require_sha256(self.image)

    @property
    def slot(self) -> str:
        return self.image


@dataclass(frozen=True)
class CategoryDecision:
    """An image is of this category."""

    kind: ClassVar = "category"
    image: str
    category: str

    def __post_init__(self) -> None:
        _require_sha256(self.image)
        object.__setattr__(self, "category", _name(self.category, "a category"))

    @property
    def slot(self) -> str:
        return self.image


Verdict = Literal["same product", "different products", "same image"]


@dataclass(frozen=True)
class Pair:
    """What two images have in common. ``first`` comes before ``second`` in order. ``keep``: of the
    same image twice, the one that stays in the index; None: both."""

    kind: ClassVar = "pair"
    first: str
    second: str
    verdict: Verdict
    keep: str | None = None

    def __post_init__(self) -> None:
        for image in (self.first, self.second):
            _require_sha256(image)
        if self.first == self.second:
            raise ValueError(f"a pair is of two images, not of {self.first} twice")
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(get_args(Verdict))}")
        if self.keep is not None and (
            self.verdict != "same image" or self.keep not in (self.first, self.second)
        ):
            raise ValueError("only of the same image twice, one of the two is kept")
        first, second = sorted((self.first, self.second))
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "second", second)

    @property
    def slot(self) -> str:
        return f"{self.first} {self.second}"

    @property
    def dropped(self) -> str | None:
        """The image that goes out of the index."""
        if self.keep is None:
            return None
        return self.second if self.keep == self.first else self.first


@dataclass(frozen=True)
class Judgement:
    """Whether a query shows a product. ``query``: the SHA-256 of a photo's file, or of a catalogue
    image's."""

    kind: ClassVar = "judgement"
    query: str
    product: str
    same: bool

    def __post_init__(self) -> None:
        _require_sha256(self.query)
        object.__setattr__(self, "product", _name(self.product, "a product"))

    @property
    def slot(self) -> str:
        return f"{self.query} {self.product}"


@dataclass(frozen=True)
class Undo:
    """The earlier decision of this id is void, and what was decided before it is in force again."""

    kind: ClassVar = "undo"
    voids: str

    def __post_init__(self) -> None:
        _require_id(self.voids)

    @property
    def slot(self) -> str:
        return self.voids


Decision = MaskDecision | AcceptedMask | Exclusion | CategoryDecision | Pair | Judgement | Undo
KINDS: Mapping[str, type[Decision]] = {one.kind: one for one in get_args(Decision)}


@dataclass(frozen=True)
class Decided:
    """A decision as it is kept: its ``id``, when and by ``who``: the name of an API key, or ""."""

    id: str  # 16 hex digits
    time: datetime  # in UTC
    who: str
    decision: Decision

    def __post_init__(self) -> None:
        _require_id(self.id)
        if self.time.tzinfo != UTC:
            raise ValueError(f"the time of decision {self.id} must be in UTC")
        object.__setattr__(
            self, "who", _name(self.who, "the name of who decides", MOST_WHO, empty=True)
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """Of all decisions, wherever they were made."""
        return self.time, self.id


def to_line(decided: Decided) -> str:
    """One line of JSON."""
    values, packed = to_plain(decided.decision)
    bits = {} if packed is None else {"bits": base64.b64encode(packed).decode("ascii")}
    about = {"id": decided.id, "time": decided.time.strftime(_TIME), "who": decided.who}
    kind = {"kind": decided.decision.kind}
    return json.dumps({**about, **kind, **values, **bits}, ensure_ascii=False)


def from_line(line: str) -> Decided:
    """ValueError for a line that ``to_line`` does not write."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    identity, time, who, kind = (_text(values, key) for key in ("id", "time", "who", "kind"))
    packed = None
    if "bits" in values:
        packed = base64.b64decode(_text(values, "bits"), validate=True)
    when = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    return Decided(identity, when, who, from_plain(kind, values, packed))


def to_plain(decision: Decision) -> tuple[Plain, bytes | None]:
    """A decision's fields as JSON has them, and the bits of its mask."""
    values: dict[str, str | int | None] = {}
    packed = None
    for name, value in vars(decision).items():
        if isinstance(value, Mask):
            values |= {"width": value.width, "height": value.height}
            packed = value.packed
        else:
            values[name] = value
    return values, packed


def from_plain(kind: str, values: Mapping[str, Any], packed: bytes | None) -> Decision:
    """The decision of these fields, no more and no fewer."""
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    made, given = KINDS[kind], dict(values)
    wanted = _fields(kind)
    if "mask" in wanted:
        width, height = (given.pop(side, None) for side in ("width", "height"))
        if type(width) is not int or type(height) is not int or packed is None:
            raise ValueError(f"a decision of kind {kind!r} has width, height and bits of a mask")
        given["mask"] = Mask(width, height, packed)
    elif packed is not None:
        raise ValueError(f"a decision of kind {kind!r} has no bits")
    if given.keys() != wanted.keys():
        raise ValueError(f"a decision of kind {kind!r} has {', '.join(wanted)}")
    for name, value in given.items():
        if not isinstance(value, wanted[name]):
            raise ValueError(f"{name} must not be {value!r}")
    return made(**given)


@cache
def _fields(kind: str) -> dict[str, Any]:
    """The types of the fields of a kind of decision, by name."""
    made = KINDS[kind]
    hints = get_type_hints(made)
    kinds = {field.name: hints[field.name] for field in fields(made)}
    return {name: str if kind == Verdict else kind for name, kind in kinds.items()}


def _text(values: dict[str, Any], key: str) -> str:
    found = values.pop(key, None)
    if not isinstance(found, str):
        raise ValueError(f"has no text {key!r}")
    return found


def _require_sha256(text: str) -> None:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no SHA-256: 64 hex digits in lower case")


def _require_id(text: str) -> None:
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no id of a decision: 16 hex digits in lower case")


def _name(text: str, what: str, most: int = MOST_NAME, *, empty: bool = False) -> str:
    """In its one Unicode form."""
    if len(text) > most:
        raise ValueError(f"{what} has {most} characters at most, not {len(text)}")
    if not (text or empty):
        raise ValueError(f"{what} must not be empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is not valid Unicode: {text[:80]!r}") from error
    return canonical(text)
