"""Data sets: what we measure on and what we show, all behind one protocol.

``open_dataset(folder)`` finds out what a folder holds; each kind is one file in ``readers/``.
"""

from offline.datasets.registry import dataset_kinds, missing_files, open_dataset
from offline.datasets.relevance import by_category, by_family, by_product, same_label
from offline.datasets.types import Dataset, DatasetImage, Relevance, RetrievalTask

__all__ = [
    "Dataset",
    "DatasetImage",
    "Relevance",
    "RetrievalTask",
    "by_category",
    "by_family",
    "by_product",
    "dataset_kinds",
    "missing_files",
    "open_dataset",
    "same_label",
]
