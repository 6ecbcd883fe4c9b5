"""Commands of the offline room."""
