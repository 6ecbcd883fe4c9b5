"""The former name of ``weights.frameworks.network``."""

from weights.frameworks.network import does_not_fit, import_framework

__all__ = ["does_not_fit", "import_framework"]
