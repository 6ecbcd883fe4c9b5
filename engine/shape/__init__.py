"""What a silhouette looks like, in numbers that two silhouettes can be compared by.

From the plain to the strong: ``proportions`` (area, aspect ratio, width along the axis),
``fourier`` (the outline's Fourier descriptor) and ``descriptor`` (several scales of the outline
and of what lies inside it). All read ``Contour``, mostly a description's aligned one.
"""
