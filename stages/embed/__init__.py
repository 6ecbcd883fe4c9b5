"""Embedders: cutout to vector."""
