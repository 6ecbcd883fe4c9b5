"""Images that are learned from are cut by the data's own masks where it has them."""

from pathlib import Path

import numpy as np
from PIL import Image

from engine.config import load
from engine.images import load as read
from offline.datasets import DatasetImage
from offline.evaluate.true_masks import cutting_by_true_masks
from stages.assemble import assemble_cutting
from stages.profiles import read_profile

SIDE = 40
FLAGS = ["segment.name=whole", "cutout.name=crop", f"cutout.size={SIDE}", "cutout.margin=0"]


def test_the_datas_own_mask_cuts_and_others_are_segmented(tmp_path: Path) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[10:20, 10:20] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[10:20, 10:20] = (200, 0, 0)
    images = []
    for name, known in (("masked", tmp_path / "mask.png"), ("plain", None)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        images.append(DatasetImage(name, tmp_path / f"{name}.png", mask=known))
    parts = assemble_cutting(load(read_profile("classic"), flags=FLAGS))
    exact = cutting_by_true_masks(parts, images)
    masked, plain = exact.cutting.cut([read(image.path) for image in images])
    assert masked.cutout.box == (10, 10, 20, 20)
    assert (masked.cutout.pixels == (200, 0, 0)).all()
    assert plain.cutout.box == (0, 0, SIDE, SIDE)
    assert exact.fingerprint != parts.fingerprint
