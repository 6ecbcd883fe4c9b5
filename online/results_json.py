"""Results as a JSON object: the same keys for the command line and for a service."""

from __future__ import annotations

from engine.attributes import bounded
from engine.keypoints import KeypointMatch
from engine.matching_places import DRAWN
from engine.types import Hit, Results


def results_json(results: Results) -> dict[str, object]:
    """JSON-ready; scores and distances as numbers, times in milliseconds."""
    route = results.route
    return {
        "hits": [hit_json(hit) for hit in results.hits],
        "no_match": results.no_match,
        "calibrated": results.calibrated,
        "threshold": _rounded(results.threshold),
        "verdict": results.verdict,
        "absent_below": _rounded(results.absent_below),
        "guesses": results.guesses,
        "notes": list(results.notes),
        "route": {
            "categories": [
                {"name": name, "probability": round(probability, 4)}
                for name, probability in zip(route.categories, route.probabilities, strict=True)
            ],
            "unsure": route.unsure,
            "unknown": results.query.scores.unknown,
            "why": route.why,
        },
        "quality": list(results.query.quality.flags),
        "mask_trust": None if results.mask_trust is None else round(results.mask_trust, 4),
        "timings_ms": {name: round(s * 1000, 2) for name, s in results.timings.items()},
        "fingerprint": results.fingerprint,
    }


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 6)


def hit_json(hit: Hit) -> dict[str, object]:
    record = hit.record
    return {
        "rank": hit.rank,
        "product": record.product_id,
        "category": record.category,
        "uri": record.uri,
        "score": round(hit.score, 6),
        "distance": round(hit.distance, 6),
        "iou": None if hit.iou is None else round(hit.iou, 4),
        "why": hit.why,
        "match": _match(hit.match),
        "probability": _rounded(hit.probability),
        "views": hit.views,
        "attributes": bounded(record.attributes),
        "id": record.id,
        "sha256": record.sha256,
    }


def _match(match: KeypointMatch | None) -> dict[str, object] | None:
    """None where keypoints were not compared, or are too few to be evident."""
    if match is None or not match.evident:
        return None
    return {
        "places": match.inliers,
        "share": round(match.share, 4),
        "area": round(match.area, 4),
        "residual": round(match.residual, 5),
        "mirrored": match.mirrored,
        "raised_to": match.raised_to,
        "points": [[round(value, 4) for value in row] for row in match.spread(DRAWN).tolist()],
    }
