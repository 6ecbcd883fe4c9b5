"""Mask trust: how reliable a mask is, since an incorrect one costs more than none."""
