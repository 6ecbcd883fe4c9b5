"""rembg's mask of a photo, by a network in a file.

rembg_masks.py FILE.onnx
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PIL import Image
from rembg import new_session, remove
from turns import take_turns


def main() -> None:
    file = Path(sys.argv[1]).absolute()
    os.environ["U2NET_HOME"] = str(file.parent)  # it opens no other folder's
    session = new_session("u2net_custom", model_path=str(file))

    def answer(photo: str) -> list[str]:
        mask = remove(Image.open(photo), session=session, only_mask=True)
        return [f"{mask.width} x {mask.height}"]

    take_turns(answer)


if __name__ == "__main__":
    main()
