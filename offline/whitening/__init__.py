"""Whitening fitted to a gallery's vectors: from pairs that match, or with no labels at all."""

from __future__ import annotations

from offline.whitening.fit import Whitening, fit_learned, fit_pca
from offline.whitening.pairs import Pairs, groups_of, read_pairs

__all__ = ["Pairs", "Whitening", "fit_learned", "fit_pca", "groups_of", "read_pairs"]
