"""A segmenter, U²-Net, from images with masks."""
