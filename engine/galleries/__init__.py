"""Where descriptions live."""
