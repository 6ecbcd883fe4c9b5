"""Read a gallery's vectors, fit how they are compared, store that."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from engine import __version__
from engine.adaptation import Adaptation, AdaptationReport, Part
from engine.errors import ConfigError, GalleryError
from engine.parallel import one_blas_thread
from engine.protocols import Gallery, WritableGallery
from engine.search import Searcher
from engine.types import Description
from offline.adapt.first_hits import Seen
from offline.adapt.fit import Fit, Fitted
from offline.adapt.fusion import fit_fusion
from offline.adapt.head import as_described, fit_head
from offline.adapt.judging import Vectors, queries_of
from offline.adapt.no_match import by_hand, fit_no_match
from offline.adapt.print_weight import fit_print_weight
from offline.adapt.vectors import read_vectors
from stages.embed.joined import Descriptor

# An ingest adapts anew where the gallery has grown or shrunk by more.
GROWTH = 0.1


@dataclass(frozen=True, eq=False)
class Outcome:
    """``version`` is None where nothing gains; ``faults``: a sentence for each photo that was left
    out."""

    report: AdaptationReport
    version: int | None
    faults: tuple[str, ...] = ()

    def with_part(self, part: Part) -> Outcome:
        parts = (*self.report.parts, part)
        return replace(self, report=self.report.model_copy(update={"parts": parts}))


@one_blas_thread()
def adapt_gallery(
    gallery: WritableGallery,
    photos: Vectors | None = None,
    seed: int = 0,
    seen: frozenset[str] = frozenset(),
    descriptors: Sequence[Descriptor] = (),
    described: Sequence[Description] = (),
) -> Outcome:
    """Fit and store; searches go on meanwhile. Products of ``photos`` as of ``product_numbers``,
    the sha256 of their files in ``seen``; ``descriptors``: where a vector joins several;
    ``described``: the photos with their contours, in their order.

    Where nothing gains, vectors are compared as they were described from then on. Raises
    ConfigError for an empty gallery, GalleryError.
    """
    if not len(gallery):
        raise ConfigError(
            f"{gallery.name}: the gallery is empty.",
            remedy=f"Fill it with: packsight ingest FOLDER --gallery {shlex.quote(gallery.name)}",
        )
    ids, vectors, categories = read_vectors(gallery, seed)
    learned = None if photos is not None or vectors.photos.any() else learned_photos(gallery)
    photos = photos if learned is None else learned
    queries = queries_of(vectors, photos, seed)
    fitted = Fit(vectors, photos, queries, seed, learned is not None, descriptors).run()
    head_part, head = fit_head(vectors, photos, queries, fitted, categories, seed)
    count = int(vectors.photos.sum()) + (0 if photos is None else len(photos))
    seen_as = Seen(gallery, ids, vectors, queries, described)
    fused = fit_fusion(seen_as, fitted, seed)
    weighed = fit_print_weight(seen_as, fitted, fused.fusion, seed)
    fitted = replace(fitted, parts=(*fitted.parts, head_part, fused.part, weighed.part))
    report = _report(gallery, fitted, count, len(queries))
    if learned is not None:
        report = report.model_copy(update={"photos": 0, "photo_queries": len(learned)})
    made = (head, fused.fusion, weighed.weight) != (None, None, None)
    space = as_described(vectors) if made and fitted.space is None else fitted.space
    if space is None:
        gallery.adapt_by(None, report)
        return Outcome(report, None)
    adaptation = Adaptation(
        space.catalogue_mean,
        space.photo_mean,
        space.projection,
        report,
        space.scale,
        photos=seen,
        head=head,
        fusion=fused.fusion,
        print_weight=weighed.weight,
    )
    return Outcome(report, gallery.adapt(adaptation))


def adapt_where_due(
    gallery: WritableGallery,
    descriptors: Sequence[Descriptor] = (),
    serving: Callable[[], Searcher] | None = None,
) -> list[str]:
    """Adapt it after an ingest, where that is due, and tell so. What a person did by hand, with
    photos or a calibration, is left alone. ``serving``: its searcher, for the part "no match"."""
    if not len(gallery) or not is_due(gallery):
        return []
    last = gallery.last_fit()
    anew = []
    if last is not None and last.photos:
        anew.append(f"packsight adapt {shlex.quote(gallery.name)} --photos PHOTOS")
    if _is_calibrated(gallery):
        anew.append(f"packsight calibrate --gallery {shlex.quote(gallery.name)} --photos PHOTOS")
    if anew:
        return [f"the gallery has changed much since this was done, do it anew: {'; '.join(anew)}"]
    outcome = adapt_gallery(gallery, descriptors=descriptors)
    if serving is not None:
        outcome = outcome.with_part(fit_no_match(gallery, serving))
    if outcome.version is None:
        return []
    lines = report_lines(outcome.report)
    return [f"adapted to the catalogue, version {outcome.version}", *lines]


def how_to_gain(gallery: Gallery) -> str:
    """A line about a gallery that was never adapted, such as one of before; empty where it was, and
    where a person decided to go without."""
    if gallery.adapting_is_off() or gallery.last_fit() is not None:
        return ""
    if gallery.adapted_by() is not None or not len(gallery):
        return ""
    return (
        "compared as it was described; what its products, and --photos of users, teach about that "
        f"is found by: packsight adapt {shlex.quote(gallery.name)}"
    )


def _is_calibrated(gallery: Gallery) -> bool:
    """So that it cannot be made anew without a person."""
    try:
        held = gallery.calibration()
        return held is not None and by_hand(held)
    except GalleryError:  # one that cannot be read
        return True


def is_due(gallery: Gallery) -> bool:
    """Whether a fit would see another gallery than the last one did, or twice the queries; not
    where a person decided to go without."""
    if gallery.adapting_is_off():
        return False
    last = gallery.last_fit()
    if last is None or abs(len(gallery) - last.images) > GROWTH * last.images:
        return True
    learned = None if last.photos else gallery.query_statistics()
    return learned is not None and learned.enough and learned.weight >= 2 * last.photo_queries


def learned_photos(gallery: Gallery) -> Vectors | None:
    """What was learned from queries, in place of photos: the mean of its group for every query.
    None where these are too few.

    No query's vector is kept, so that whether one product comes first for all photos is seen by
    these means alone.
    """
    statistics = gallery.query_statistics()
    if statistics is None or not statistics.enough:
        return None
    count = statistics.weight
    rows = np.resize(statistics.means, (count, statistics.means.shape[1]))
    return Vectors(rows, np.full(count, -1, np.int64), np.ones(count, np.bool_))


def report_lines(report: AdaptationReport) -> list[str]:
    """What was taken, what was not, and why."""
    lines = []
    for part in report.parts:
        gain = ""
        if part.gain is not None and part.low is not None and part.high is not None:
            gain = f" {_signed(part.gain)} [{_signed(part.low)}, {_signed(part.high)}]"
        lines.append(f"{part.name}: {'taken' if part.taken else 'not taken'}{gain}, {part.why}")
    if report.before is not None and report.after is not None:
        lines.append(
            f"mean average precision {report.before:.3f} -> {report.after:.3f} of "
            f"{report.queries:,} queries, each by a fit that it took no part in"
        )
    return lines


def _signed(number: float) -> str:
    return f"{round(number, 3) + 0.0:+.3f}"  # no -0.000


def _report(gallery: Gallery, fitted: Fitted, photos: int, queries: int) -> AdaptationReport:
    return report_of(len(gallery), gallery.count_products(), fitted, photos, queries)


def report_of(
    images: int, products: int, fitted: Fitted, photos: int, queries: int
) -> AdaptationReport:
    """Of what was fitted now."""
    judged = len(fitted.before) > 0
    return AdaptationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        written_by=f"packsight {__version__}",
        images=images,
        products=products,
        photos=photos,
        queries=queries if judged else 0,
        before=float(fitted.before.mean()) if judged else None,
        after=float(fitted.after.mean()) if judged else None,
        parts=fitted.parts,
    )
