"""Readers: one file a kind of data set; the file's name is the kind's name."""
