"""An answer as JSON, as CSV and as one HTML file."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from PIL import Image

from engine.describe import Described
from engine.names import without_formula
from engine.types import Box, Cutout, Description, Hit, Parts, Results, RGBImage
from online.overlay import svg_path
from online.results_json import hit_json, results_json
from online.service.products import image_urls
from online.service.requests import SentRequest

MASK_SIDE = 256  # longer side of a mask that is shown, pixels


@dataclass(frozen=True, eq=False)
class Photo:
    """What was described: ``image`` is the part of the photo within ``box``; ``size``, of the
    upright photo, and ``box`` are in its original pixels."""

    image: RGBImage
    size: tuple[int, int]
    box: Box
    sha256: str  # of its file


@dataclass(frozen=True, eq=False)
class Answer:
    """The results of one query, of one product more than was wanted where there are more."""

    results: Results
    sent: SentRequest
    gallery: str
    generation: str
    as_of: datetime
    photo: Photo | None  # None: a catalogue image was searched for
    cutout: Cutout | None

    @property
    def hits(self) -> Sequence[Hit]:
        return self.results.hits[self.sent.offset : self.sent.offset + self.sent.k]

    def shown(self) -> Results:
        """Of the wanted products alone."""
        return replace(self.results, hits=tuple(self.hits))

    def document(self) -> dict[str, object]:
        """As JSON, whose keys are those of `packsight query --json` and some more."""
        found = results_json(self.results)
        found["hits"] = [self._hit(hit) for hit in self.hits]
        return found | {
            "gallery": self.gallery,
            "generation": self.generation,
            "as_of": self.as_of.isoformat(timespec="milliseconds"),
            "k": self.sent.k,
            "offset": self.sent.offset,
            "more": len(self.results.hits) > self.sent.offset + self.sent.k,
            "photo": None if self.photo is None else photo_document(self.photo),
            "mask": mask_document(self.results.query, used=self.sent.mask),
        }

    def _hit(self, hit: Hit) -> dict[str, object]:
        description = hit.record.description
        found = hit_json(hit)
        del found["uri"]  # a path of the server
        return found | {
            "parts": _parts(hit.known_parts),
            **image_urls(self.gallery, hit.record.id, hit.record.sha256),
            "contour": svg_path(description.contour),
            "aligned": svg_path(description.aligned),
        }

    def table(self, separator: str) -> str:
        """CSV with a header, for spreadsheets: with the mark that makes them read UTF-8, and no
        cell that they would take for a formula."""
        out = io.StringIO()
        rows = csv.writer(out, delimiter=separator)
        names = sorted({name for hit in self.hits for name in hit.record.attributes})
        columns = ("rank", "product", "category", "probability", "look", "shape", "print", "why")
        rows.writerow([*columns, *map(without_formula, names)])
        for hit in self.hits:
            parts, record = hit.known_parts, hit.record
            numbers = (hit.probability, parts.look, parts.shape, parts.print)
            rows.writerow(
                [
                    hit.rank,
                    without_formula(record.product_id),
                    without_formula(record.category),
                    *("" if value is None else f"{value:.4f}" for value in numbers),
                    without_formula(hit.why),
                    *(without_formula(record.attributes.get(name, "")) for name in names),
                ]
            )
        return "\ufeff" + out.getvalue()


def photo_document(photo: Photo) -> dict[str, object]:
    width, height = photo.size
    return {"width": width, "height": height, "box": list(photo.box), "sha256": photo.sha256}


def mask_document(query: Description, *, used: bool) -> dict[str, object]:
    contour = query.contour
    return {
        "used": used,
        "trust": None if query.trust is None else round(query.trust, 4),
        "flags": list(query.quality.flags),
        "fraction": round(contour.area / contour.side**2, 4),
        "contour": svg_path(contour) if used else "",
        "aligned": svg_path(query.aligned) if used else "",
    }


def preview_document(described: Described, photo: Photo, *, used: bool) -> dict[str, object]:
    """The mask that a search would use, as an image too, and the categories it would search."""
    query = described.description
    mask = mask_document(query, used=used) | {"png": _png(described.cutout, photo.image)}
    ranked = [
        {"name": name, "probability": round(probability, 4)}
        for name, probability in query.scores.ranked()
    ]
    return {"photo": photo_document(photo), "mask": mask, "categories": ranked}


def _png(cutout: Cutout, image: RGBImage) -> str:
    """A data URI of the mask in grey, in the frame of the image."""
    scale = min(1.0, MASK_SIDE / max(image.width, image.height))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    x1, y1, x2, y2 = (round(at * scale) for at in cutout.box)
    alpha = Image.fromarray((cutout.alpha * 255).round().astype(np.uint8))
    alpha = alpha.resize((max(1, x2 - x1), max(1, y2 - y1)), Image.Resampling.BILINEAR)
    frame = Image.new("L", size)
    frame.paste(alpha, (x1, y1))
    out = io.BytesIO()
    frame.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def _parts(parts: Parts) -> dict[str, object]:
    return {
        "look": round(parts.look, 4),
        "shape": None if parts.shape is None else round(parts.shape, 4),
        "print": None if parts.print is None else round(parts.print, 4),
    }
