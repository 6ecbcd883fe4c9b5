"""Rerankers: reorder the nearest hits by the overlap of contours.

A change of a formula raises ``ANSWERING_VERSION`` in ``stages/assemble.py``: calibrations that were
fitted to the old one are void then.
"""
