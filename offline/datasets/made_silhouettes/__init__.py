"""Silhouettes of our own in the form of MPEG-7's CE-Shape-1 part B: 70 classes of 20.

A class is a family's drawing (a bottle, a key, a creature with limbs) with dimensions of its own;
its members differ in dimensions, pose, bending, contour, cuts, turn, size and mirror image. How
much they differ is set so that plain overlap, aligned overlap and Fourier descriptors find about
as much as they are known to find in MPEG-7.
"""
