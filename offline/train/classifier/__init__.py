"""The classifier of Waqas et al. (CMC 2023): a backbone from ImageNet with a head of two layers.

Keras trains it, on TensorFlow where that is installed and on torch elsewhere; what comes out is
an ONNX file with its artefact, which serving runs without either.
"""
