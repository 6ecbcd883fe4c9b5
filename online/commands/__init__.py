"""Commands of the online room."""
