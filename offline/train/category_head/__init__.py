"""A category head fitted to labelled images, for galleries that have no labels of their own."""
