"""The evaluator: every stage and the whole chain, by the protocols and metrics of the papers.

``run.evaluate`` makes a report of a data set and some systems, ``benchmark.evaluate_benchmark``
one of vectors alone. Both describe a task once (``describing``), rank it by the code that serves
(``task``), and measure it, a folder per stage.
"""
