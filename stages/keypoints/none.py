"""No keypoints, as in the paper."""

from __future__ import annotations

from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


def build(options: Options, context: BuildContext) -> None:
    return None
