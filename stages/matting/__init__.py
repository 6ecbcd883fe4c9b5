"""Matting: from a mask that is right on the whole to one that is right at the edges."""
