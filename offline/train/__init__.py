"""Training: a curator's own segmenter, matting and classifier, each in one command.

The only packages that need torch or keras are this one and ``weights.frameworks``; what they make
is an ONNX file with its sidecar, which serving runs without either.
"""
