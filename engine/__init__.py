"""The engine: the flow from photo to hits and the words it is told in; it knows no concrete model."""

__version__ = "0.1.0"
