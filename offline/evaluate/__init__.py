"""The evaluator: how well retrieval does, by the protocols and measures of the papers.

In steps, each of which can be used alone: ``features`` of pictures, ``rank`` a gallery for
queries, ``judge`` the ranking by a task, ``summarise`` what came out. ``evaluate_retrieval`` does
all of it for a protocol of a data set.
"""

from offline.evaluate.judging import Judged, answerable, judge
from offline.evaluate.ranking import Ranking, rank
from offline.metrics.retrieval import Summary, summarise
from offline.store.vectors import Features, features

__all__ = [
    "Features",
    "Judged",
    "Ranking",
    "Summary",
    "answerable",
    "features",
    "judge",
    "rank",
    "summarise",
]
