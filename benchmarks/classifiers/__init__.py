"""Trained classifiers and their predictions, for ``classification.py``."""
