"""Review from Python: what is in doubt, and what a curator decides about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from online.api_types import (
    CategoryCount,
    DecisionsAnswer,
    DraftMask,
    ExcludedImages,
    MasksInReview,
    NeighboursAnswer,
    PairsInReview,
    PredictedCategories,
    SavedMask,
    UncertainImages,
)
from online.connection import Connection, typed

Verdict = Literal["same product", "different products", "same image"]
Box = tuple[float, float, float, float]
NOTHING: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class StoredMask:
    """``png``: grey, white is the product; ``version``: what a decision about it names."""

    png: bytes
    version: str


class Review:
    """Of one service; ``Client.review``. Needs a key that curates. What is decided is sent again
    only where the service has not begun with it."""

    def __init__(self, service: Connection) -> None:
        self._service = service

    def masks(self, *, after: str = "", limit: int = 20) -> MasksInReview:
        """Masks to be looked at, the most doubtful first; ``after``: that of the page before."""
        wanted = {"after": after, "limit": str(limit)}
        return typed(self._service.send("GET", "v1/review/masks", params=wanted), MasksInReview)

    def categories(self) -> Sequence[CategoryCount]:
        """The predicted ones, with their numbers of images that are undecided."""
        found = self._service.send("GET", "v1/review/categories")
        return typed(found, PredictedCategories).categories

    def uncertain(self, category: str, *, limit: int = 20) -> UncertainImages:
        """Undecided images of one predicted category, the most uncertain first."""
        wanted = {"category": category, "limit": str(limit)}
        found = self._service.send("GET", "v1/review/categories", params=wanted)
        return typed(found, UncertainImages)

    def neighbours(self, image: int) -> NeighboursAnswer:
        """The likeliest categories of an image, and its nearest labelled images."""
        wanted = {"image": str(image)}
        found = self._service.send("GET", "v1/review/neighbours", params=wanted)
        return typed(found, NeighboursAnswer)

    def duplicates(self, *, after: str = "", limit: int = 20) -> PairsInReview:
        """Pairs of images of two products that may be one; ``after``: that of the page before."""
        wanted = {"after": after, "limit": str(limit)}
        found = self._service.send("GET", "v1/review/duplicates", params=wanted)
        return typed(found, PairsInReview)

    def excluded(self, *, after: str = "", limit: int = 20) -> ExcludedImages:
        """Images out of the index, in the order of ids; ``after``: that of the page before."""
        wanted = {"after": after, "limit": str(limit)}
        found = self._service.send("GET", "v1/review/excluded", params=wanted)
        return typed(found, ExcludedImages)

    def mask(self, image: int) -> StoredMask:
        """The mask that is in force."""
        found = self._service.send("GET", f"v1/images/{image}/mask")
        return StoredMask(found.content, found.headers.get("etag", "").strip('"'))

    def refine_mask(
        self,
        image: int,
        *,
        box: Box | None = None,
        strokes: Sequence[Mapping[str, Any]] = NOTHING,
        start: Literal["stored", "box"] = "stored",
    ) -> DraftMask:
        """A mask by a box and strokes, in fractions of the image; nothing is stored."""
        body = {"box": box, "strokes": strokes, "from": start}
        found = self._service.send("POST", f"v1/images/{image}/mask:refine", body=body)
        return typed(found, DraftMask)

    def save_mask(self, image: int, png: bytes, version: str) -> SavedMask:
        """A mask that was drawn, in place of the one of this version; ServiceError (412) where
        another one is in force by now."""
        headers = {"Content-Type": "image/png", "If-Match": f'"{version}"'}
        path = f"v1/images/{image}/mask"
        found = self._service.send("PUT", path, content=png, headers=headers, once=True)
        return typed(found, SavedMask)

    def accept_mask(self, image: int, version: str) -> DecisionsAnswer:
        """The mask of this version is correct."""
        return self.decide([{"kind": "accept", "image": image, "version": version}])

    def exclude(self, image: int) -> DecisionsAnswer:
        """It stays in the catalogue and goes out of the index."""
        return self.decide([{"kind": "exclude", "image": image}])

    def include(self, image: int) -> DecisionsAnswer:
        """It is in the index again."""
        return self.decide([{"kind": "include", "image": image}])

    def categorise(self, image: int, category: str) -> DecisionsAnswer:
        return self.decide([{"kind": "category", "image": image, "category": category}])

    def compare(
        self, first: int, second: int, verdict: Verdict, *, keep: int | None = None
    ) -> DecisionsAnswer:
        """What two images show; ``keep``: of one image twice, the one that stays in the index."""
        pair = {"kind": "pair", "images": [first, second], "verdict": verdict, "keep": keep}
        return self.decide([pair])

    def undo(self, decision: str) -> DecisionsAnswer:
        """What was decided before is in force again."""
        return self.decide([{"kind": "undo", "decision": decision}])

    def decide(
        self, decisions: Sequence[Mapping[str, Any]], *, wait: bool = True
    ) -> DecisionsAnswer:
        """Up to 200 of ``/openapi.json``, all or none. With ``wait`` the answer comes when the
        gallery is as they call for, or after the service's deadline."""
        sent = self._service.send(
            "POST",
            "v1/review/decisions",
            params={"wait": "1"} if wait else None,
            body={"decisions": decisions},
            once=True,
        )
        return typed(sent, DecisionsAnswer)
