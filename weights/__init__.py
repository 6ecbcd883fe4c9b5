"""Checkpoints as data, and the way they reach this machine."""
