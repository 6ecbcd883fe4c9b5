"""Classifiers: cutout and embedding to category scores."""
