"""Rerankers: reorder the nearest hits by the overlap of contours."""
