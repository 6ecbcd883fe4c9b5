"""Training mask trust: the probability that a segmenter's mask is correct."""
