"""Checkpoints as data: catalogue, download, export and the artefacts of training."""
