"""Made-up product photos: cheap to draw, all different, and no easier to decode than real ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

CATEGORIES = (
    "bottle",
    "compact",
    "jar",
    "palette",
    "powder",
    "roll-on",
    "stick",
    "puff",
    "spatula",
    "cap-general",
    "cap-one-touch",
    "cap-press",
    "cap-dropper",
    "cap-sharp",
    "cap-pump",
)
VIEWS = 4  # images a product
# Sensor noise of a phone in a lit room is a few grey levels; without it a JPEG of flat areas
# would be a tenth of a photo's size and far quicker to decode.
NOISE = 6.0


class Photographer:
    """Draws one body and one cap on a plain, unevenly lit background; seeded."""

    def __init__(self, width: int, height: int, *, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._size = (width, height)
        # Drawn once, twice as large, and shifted: drawing noise would take longer than encoding.
        self._noise = self._random.normal(0, NOISE, (2 * height, 2 * width, 3)).astype(np.int16)

    def shoot(self) -> Pixels:
        """(height, width, 3) uint8."""
        width, height = self._size
        draw = self._random
        image = np.full((height, width, 3), draw.integers(190, 240, 3), np.uint8)
        half = (int(width * draw.uniform(0.12, 0.25)), int(height * draw.uniform(0.2, 0.35)))
        middle = (int(width * draw.uniform(0.4, 0.6)), int(height * draw.uniform(0.5, 0.6)))
        ink = [int(value) for value in draw.integers(20, 170, 3)]
        low = (middle[0] - half[0], middle[1] - half[1])
        high = (middle[0] + half[0], middle[1] + half[1])
        cv2.rectangle(image, low, high, ink, -1)
        cap = (middle[0], low[1])
        axes = (int(half[0] * draw.uniform(0.3, 0.9)), int(half[1] * draw.uniform(0.2, 0.45)))
        cv2.ellipse(image, cap, axes, 0, 0, 360, ink[::-1], -1)
        return self._with_noise(image)

    def _with_noise(self, image: Pixels) -> Pixels:
        height, width = image.shape[:2]
        top, left = self._random.integers(0, height), self._random.integers(0, width)
        noise = self._noise[top : top + height, left : left + width]
        return np.clip(image + noise, 0, 255).astype(np.uint8)


def catalogue(
    folder: Path, count: int, *, width: int = 600, height: int = 800, seed: int = 1
) -> None:
    """Write ``count`` JPEGs as CATEGORY/PRODUCT/view.jpg, four views a product."""
    photographer = Photographer(width, height, seed=seed)
    for number in range(count):
        product = number // VIEWS
        category = CATEGORIES[product % len(CATEGORIES)]
        target = folder / category / f"product-{product:05}" / f"{number % VIEWS}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(jpeg(photographer.shoot()))


def jpeg(pixels: Pixels) -> bytes:
    """Quality 90, as phones write."""
    done, data = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return data.tobytes()
