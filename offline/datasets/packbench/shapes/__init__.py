"""Meshes and the parts that packages are put together from."""
