"""A matting network, FBA, from images with mattes."""
