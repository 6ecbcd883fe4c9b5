"""Data sets: what we measure on and what we show, each in a package of its own."""
