"""The engine: the flow from photo to hits and its words; it knows no concrete model."""

__version__ = "0.1.0"
