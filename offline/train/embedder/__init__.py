"""Metric learning: a backbone that puts images of one product near each other, others far away.

A pooled, projected and L2-normalised network, trained with a pair or class loss on cutouts made as
in serving; what comes out is an ONNX file that runs as `[embed] name = "onnx"`.
"""
