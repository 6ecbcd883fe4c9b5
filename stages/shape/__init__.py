"""Shape descriptors of a contour: vectors that two contours are compared by.

No stage section: the learned reranker and ``packsight evaluate shape`` use these. From simple to
strong: ``proportions`` (area, aspect ratio, width along the axis), ``fourier`` (the Fourier
descriptor of the boundary) and ``descriptor`` (several scales of the boundary and of the holes
inside it). All read ``Contour``, mostly a description's aligned one.
"""
