"""Packsight's mask of a photo, by a network in a file.

packsight_masks.py FILE.onnx [KEY=VALUE ...]
"""

from __future__ import annotations

import sys

from turns import take_turns

from engine.images import ImageLimits, load
from stages.assemble import assemble_cutting
from stages.open_settings import settings_for


def main() -> None:
    file, *overrides = sys.argv[1:]
    flags = ["segment.name=u2net", f"segment.weights={file}", *overrides]
    settings = settings_for(None, profile="classic", overrides=flags)
    segmenter = assemble_cutting(settings).cutting.segmenter
    limits = ImageLimits.of(settings.images)

    def answer(photo: str) -> list[str]:
        (matte,) = segmenter.segment([load(photo, limits=limits)])
        return [f"{matte.alpha.shape[1]} x {matte.alpha.shape[0]}"]

    take_turns(answer)


if __name__ == "__main__":
    main()
