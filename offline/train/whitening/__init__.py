"""A whitening from the vectors of a gallery."""
