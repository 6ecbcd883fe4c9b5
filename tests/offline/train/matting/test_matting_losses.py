"""The losses against slow twins in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="needs the extra `train`")
pytestmark = pytest.mark.slow

Plane = npt.NDArray[np.float64]


def made(seed: int, *shape: int) -> Plane:
    return np.random.default_rng(seed).random(shape)


def slow_blur(values: Plane) -> Plane:
    """The binomial filter with the rim repeated, pixel by pixel."""
    row = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel, wide = np.outer(row, row), np.pad(values, 2, mode="edge")
    blurred = np.zeros_like(values)
    for place in np.ndindex(values.shape):
        blurred[place] = (wide[place[0] : place[0] + 5, place[1] : place[1] + 5] * kernel).sum()
    return blurred


def slow_enlarged(values: Plane, size: tuple[int, int]) -> Plane:
    """Bilinear, with pixels as areas (align_corners=False)."""

    def places(few: int, many: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Plane]:
        at = np.clip((np.arange(many) + 0.5) * few / many - 0.5, 0.0, few - 1.0)
        low = np.floor(at).astype(np.int64)
        return low, np.minimum(low + 1, few - 1), at - low

    top, bottom, down = places(values.shape[0], size[0])
    left, right, across = places(values.shape[1], size[1])
    rows = values[top] * (1 - down)[:, None] + values[bottom] * down[:, None]
    return rows[:, left] * (1 - across) + rows[:, right] * across


def slow_laplacian_loss(predicted: Plane, alpha: Plane) -> float:
    total = 0.0
    for level in range(5):
        if min(predicted.shape) < 4:
            break
        coarse = [slow_blur(values)[::2, ::2] for values in (predicted, alpha)]
        bands = [
            values - slow_enlarged(small, values.shape)
            for values, small in zip((predicted, alpha), coarse, strict=True)
        ]
        total += 2.0**level * float(np.abs(bands[0] - bands[1]).mean())
        predicted, alpha = coarse
    return total


@pytest.mark.parametrize("shape", [(32, 24), (17, 9), (3, 40)])
def test_the_laplacian_loss_is_its_definition(shape: tuple[int, int]) -> None:
    from offline.train.matting.losses import laplacian_loss

    one, two = made(0, *shape), made(1, *shape)
    found = laplacian_loss(torch.from_numpy(one)[None, None], torch.from_numpy(two)[None, None])
    assert float(found) == pytest.approx(slow_laplacian_loss(one, two), rel=1e-6)


def test_alpha_and_composition_are_validated_in_the_band_only() -> None:
    from offline.train.matting.losses import alpha_loss, compositional_loss

    output, alpha = torch.from_numpy(made(0, 2, 7, 5, 6)), torch.from_numpy(made(1, 2, 1, 5, 6))
    image = torch.from_numpy(made(2, 2, 3, 5, 6))
    unknown = (torch.from_numpy(made(3, 2, 1, 5, 6)) > 0.4).double()
    band = unknown.numpy().astype(bool)
    wrong = np.abs(output[:, :1].numpy() - alpha.numpy())[band].mean()
    assert float(alpha_loss(output[:, :1], alpha, unknown)) == pytest.approx(wrong)
    mixed = output[:, :1] * output[:, 1:4] + (1 - output[:, :1]) * output[:, 4:7]
    off = (mixed - image).abs().numpy()[np.repeat(band, 3, axis=1)].mean()
    assert float(compositional_loss(output, image, unknown)) == pytest.approx(off)


def test_a_perfect_answer_costs_nothing() -> None:
    from offline.train.matting.losses import LossWeights, matting_loss

    alpha = torch.from_numpy(made(0, 1, 1, 16, 16))
    foreground, background = torch.from_numpy(made(1, 2, 3, 16, 16)).split(1)
    image = alpha * foreground + (1 - alpha) * background
    output = torch.cat([alpha, foreground, background], 1)
    loss = matting_loss(output, alpha, image, torch.ones_like(alpha), LossWeights())
    assert float(loss) == pytest.approx(0.0, abs=1e-12)


def test_what_the_trimap_knows_costs_nothing() -> None:
    from offline.train.matting.losses import LossWeights, matting_loss

    output, alpha = torch.from_numpy(made(0, 1, 7, 16, 16)), torch.from_numpy(made(1, 1, 1, 16, 16))
    image = torch.from_numpy(made(2, 1, 3, 16, 16))
    loss = matting_loss(output, alpha, image, torch.zeros_like(alpha), LossWeights())
    assert float(loss) == 0.0
