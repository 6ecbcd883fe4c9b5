"""Bullseye scores: how well shape alone retrieves a silhouette's class."""
