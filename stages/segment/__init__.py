"""Segmenters: photo to matte."""
