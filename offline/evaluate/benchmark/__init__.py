"""Benchmarks: embeddings by the protocols of the papers, without routing and contours."""
