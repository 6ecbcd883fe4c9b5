"""Packbench: a rendered packaging benchmark with exact ground truth (extra ``render``)."""
