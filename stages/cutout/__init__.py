"""Cutters: photo and matte to a square picture for the models."""
