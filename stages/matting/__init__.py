"""Matting: from a mask that is correct on the whole to one that is correct at the edges."""
