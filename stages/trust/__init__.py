"""Mask trust: how far a mask can be believed, since a wrong one costs more than none."""
