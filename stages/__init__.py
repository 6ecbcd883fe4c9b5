"""Interchangeable parts, one file each; the file's name is the stage's name."""
