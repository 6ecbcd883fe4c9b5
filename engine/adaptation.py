"""What a catalogue teaches about its vectors: how they are centred and projected to be compared.

Stored vectors stay as they were described. Photos and catalogue images differ by camera and light,
so each side is centred on its own mean; the projection is that of a whitening (Radenović, Tolias,
Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", PAMI 2019, section 4.2).
``offline.adapt`` fits it, a gallery keeps it beside the indexes that are derived by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.category_head import CategoryHead
from engine.distances import unit_rows
from engine.fusion import Fusion
from engine.types import Embedding, FloatArray

Domain = Literal["photo", "catalogue"]
ROLE, PHOTO = "role", "photo"  # the attribute of an image that was taken as users take photos


class Part(BaseModel):
    """One thing that was tried: what it gains over the adaptation without it, in mean average
    precision of queries that it was not fitted to, with a 95 % interval over products."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    taken: bool
    why: str  # one sentence
    settings: Mapping[str, float] = {}  # that it was fitted with, where they were chosen
    gain: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


class AdaptationReport(BaseModel):
    """How an adaptation came to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    created: str  # ISO 8601, UTC
    written_by: str
    images: int = Field(ge=0)  # of the gallery
    products: int = Field(ge=0)
    photos: int = Field(ge=0)  # that the mean of photos is from
    photo_queries: int = Field(default=0, ge=0)  # or how many queries, where there are no photos
    queries: int = Field(ge=0)  # that the parts were judged by
    before: FiniteFloat | None = None  # mean average precision of these queries
    after: FiniteFloat | None = None
    parts: tuple[Part, ...] = ()


class PrintWeight(BaseModel):
    """How far matching places raise a hit, in place of the weight that was configured; for searches
    that compare as many hits beyond as many places."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: FiniteFloat = Field(ge=0)
    instead_of: FiniteFloat = Field(ge=0)
    least: int = Field(ge=1)
    checked: int = Field(ge=0)


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A vector x is compared as (x - mean of its domain) scale projection, brought to length 1."""

    catalogue_mean: FloatArray  # (D,)
    photo_mean: FloatArray  # (D,)
    projection: FloatArray | None  # (D, K); None: centred alone
    report: AdaptationReport
    scale: FloatArray | None = None  # (D,) what each number is multiplied by; None: 1
    photos: frozenset[str] = frozenset()  # sha256 of those that were given for the fit
    head: CategoryHead | None = None  # predicts categories in place of the vote
    fusion: Fusion | None = None  # sorts the first hits, in place of the configured reranker
    print_weight: PrintWeight | None = None  # None: as configured

    def __post_init__(self) -> None:
        size = len(self.catalogue_mean)
        arrays = self._arrays
        rows = [array for array in arrays if array is not self.projection]
        if any(array.shape != (size,) for array in rows) or any(len(one) != size for one in arrays):
            raise ValueError(f"arrays of {[array.shape for array in arrays]} do not fit together")
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("means, scale and projection must be finite")
        if self.head is not None and self.head.dimension != self.dimension:
            raise ValueError(
                f"a category head for {self.head.dimension} numbers, vectors have {self.dimension}"
            )

    @property
    def dimension(self) -> int:
        """Of the vectors that it gives."""
        return len(self.photo_mean) if self.projection is None else int(self.projection.shape[1])

    @cached_property
    def identity(self) -> str:
        """16 hex digits; of all that changes a vector, its category or an order."""
        joined = b"|".join(array.tobytes() for array in self._arrays)
        if self.head is not None:
            joined += b"|" + self.head.text().encode()
        if self.fusion is not None:
            joined += b"|" + self.fusion.model_dump_json().encode()
        if self.print_weight is not None:
            joined += b"|" + self.print_weight.model_dump_json().encode()
        return hashlib.sha256(joined).hexdigest()[:16]

    @property
    def _arrays(self) -> list[FloatArray]:
        optional = [one for one in (self.projection, self.scale) if one is not None]
        return [self.catalogue_mean, self.photo_mean, *optional]

    def centred(self, rows: FloatArray, domains: Domain | Sequence[Domain]) -> FloatArray:
        """(N, D) less the mean of the domain of all, or of one each."""
        if isinstance(domains, str):
            domains = [domains] * len(rows)
        photos = np.array([domain == "photo" for domain in domains], np.bool_)
        found: FloatArray = rows - self.catalogue_mean
        if photos.any():
            found[photos] = rows[photos] - self.photo_mean
        return found

    def adapted(self, rows: FloatArray, domains: Domain | Sequence[Domain]) -> FloatArray:
        """(N, D) -> (N, K), rows of length 1, of one domain or of one each.

        Without BLAS, in which a row's last bits would depend on the rows beside it: equal images
        are equally far.
        """
        centred = self.centred(rows, domains)
        if self.scale is not None:
            centred = centred * self.scale
        if self.projection is not None:
            centred = np.einsum("nd,dk->nk", centred, self.projection)
        return unit_rows(centred.astype(np.float32, copy=False))


def domain_of(attributes: Mapping[str, str]) -> Domain:
    """Of an image of a gallery, by its attributes."""
    return "photo" if attributes.get(ROLE, "").strip().casefold() == PHOTO else "catalogue"


def adapt(adaptation: Adaptation | None, embedding: Embedding, domain: Domain) -> Embedding:
    """The vector as a gallery with this adaptation is searched."""
    if adaptation is None:
        return embedding
    return Embedding(adaptation.adapted(embedding.vector[None], domain)[0])
