"""A whitening fitted to the vectors of a gallery: from pairs that match, or with no labels."""
