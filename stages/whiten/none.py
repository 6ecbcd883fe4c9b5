"""Vectors stay as the embedder gave them."""

from __future__ import annotations

from engine.protocols import Embedder
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


class Unchanged:
    def around(self, embedder: Embedder) -> Embedder:
        return embedder


def build(options: Options, context: BuildContext) -> Unchanged:
    return Unchanged()
