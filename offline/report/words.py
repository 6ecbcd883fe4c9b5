"""The words that all forms of a report share."""

from __future__ import annotations

from offline.report.document import StageName

STAGES: dict[StageName, str] = {
    "segment": "Segmentation",
    "classify": "Classification",
    "retrieve": "Retrieval",
    "no-match": "No match",
    "end-to-end": "End to end",
    "efficiency": "Efficiency",
}
AGAIN = "How to make this report again"
SIDE_BY_SIDE = "All systems side by side"
TOGETHER = "At a glance"
