"""Cutters: photo and matte to a square image for the models."""
