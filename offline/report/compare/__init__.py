"""Two reports compared: what got better or worse beyond the noise, and whether that may pass."""
