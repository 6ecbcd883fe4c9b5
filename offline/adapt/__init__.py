"""Adapt a gallery to its catalogue: fit, from the vectors that it holds, how they are compared."""
