"""The order of a gallery's first hits by similarity, contours and trust together.

Late fusion by a score that is learned from the gallery's own products, as in Liu, "Learning to Rank
for Information Retrieval", 2009, chapter 2 (pointwise). ``offline.adapt.fusion`` fits it; what its
features measure is in ``stages.rerank``.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from engine.linear_model import LinearModel


class Fusion(BaseModel):
    """Log odds that a hit shows the query's product, by which the first ``top_n`` are sorted; 0:
    none, hits stay as retrieved.

    ``views``: the parts of a vector that are compared each for itself, by name, with their sizes in
    the order of the vector. ``measures``: version of what the features measure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: LinearModel = LinearModel(intercept=0.0, terms={})
    top_n: int = Field(ge=0)
    views: Mapping[str, int] = Field(default_factory=dict)
    measures: int = 1
