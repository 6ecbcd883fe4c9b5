"""Trained classifiers and what they say of pictures, for ``classification.py``."""
