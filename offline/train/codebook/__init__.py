"""A codebook of local features from a data set's cutouts."""
