"""Metrics: a metric's path is its name; it is one function, and a row where its file has a table.

``retrieval``, ``classification``, ``masks`` and ``calibration`` hold the metrics of those stages,
``statistics`` the intervals of all of them.
"""
