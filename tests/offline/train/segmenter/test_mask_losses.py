"""The losses of a saliency network against slow obvious twins in numpy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytestmark = pytest.mark.slow

Maps = npt.NDArray[np.float64]


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra `train`")


def slow_bce(logits: Maps, target: Maps) -> float:
    saliency = 1 / (1 + np.exp(-logits))
    return float(-np.mean(target * np.log(saliency) + (1 - target) * np.log(1 - saliency)))


def slow_iou(predicted: Maps, target: Maps) -> float:
    found = []
    for one, other in zip(predicted, target, strict=True):
        both = sum(a * b for a, b in zip(one.flat, other.flat, strict=True))
        either = sum(a + b - a * b for a, b in zip(one.flat, other.flat, strict=True))
        found.append(1 - (both + 1) / (either + 1))
    return float(np.mean(found))


def slow_ssim(predicted: Maps, target: Maps) -> float:
    places = np.arange(11) - 5
    window = np.exp(-(places[:, None] ** 2 + places[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    found = []
    for one, other in zip(predicted[:, 0], target[:, 0], strict=True):
        for top in range(one.shape[0] - 10):
            for left in range(one.shape[1] - 10):
                x = one[top : top + 11, left : left + 11]
                y = other[top : top + 11, left : left + 11]
                mx, my = (window * x).sum(), (window * y).sum()
                vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
                both = (window * (x - mx) * (y - my)).sum()
                above = (2 * mx * my + 0.01**2) * (2 * both + 0.03**2)
                found.append(1 - above / ((mx**2 + my**2 + 0.01**2) * (vx + vy + 0.03**2)))
    return float(np.mean(found))


def drawn(seed: int, shape: tuple[int, ...] = (2, 1, 15, 13)) -> tuple[Maps, Maps]:
    random = np.random.default_rng(seed)
    return random.normal(0, 2, shape), (random.random(shape) > 0.5).astype(np.float64)


@pytest.mark.parametrize("seed", [0, 1])
def test_each_term_is_what_its_paper_says(torch: Any, seed: int) -> None:
    from offline.train.segmenter.losses import iou_loss, side_output_loss, ssim_loss

    logits, target = drawn(seed)
    predicted = 1 / (1 + np.exp(-logits))
    maps, true = torch.from_numpy(predicted), torch.from_numpy(target)
    assert float(iou_loss(maps, true)) == pytest.approx(slow_iou(predicted, target))
    assert float(ssim_loss(maps, true)) == pytest.approx(slow_ssim(predicted, target))
    found = side_output_loss([torch.from_numpy(logits)], true)
    assert float(found) == pytest.approx(slow_bce(logits, target))


def test_seven_outputs_and_their_terms_add_up(torch: Any) -> None:
    from offline.train.segmenter.losses import side_output_loss

    pairs = [drawn(seed) for seed in range(7)]
    target = pairs[0][1]
    maps = [torch.from_numpy(logits) for logits, _ in pairs]
    expected = sum(
        slow_bce(logits, target)
        + 0.5 * slow_iou(1 / (1 + np.exp(-logits)), target)
        + 2.0 * slow_ssim(1 / (1 + np.exp(-logits)), target)
        for logits, _ in pairs
    )
    found = side_output_loss(maps, torch.from_numpy(target), iou_weight=0.5, ssim_weight=2.0)
    assert float(found) == pytest.approx(expected)


def test_two_empty_maps_are_a_perfect_match(torch: Any) -> None:
    from offline.train.segmenter.losses import iou_loss, ssim_loss

    empty = torch.zeros(1, 1, 12, 12)
    assert float(iou_loss(empty, empty)) == 0.0
    assert float(ssim_loss(empty, empty)) == pytest.approx(0.0, abs=1e-6)


def test_logits_far_out_stay_finite_and_teach(torch: Any) -> None:
    from offline.train.segmenter.losses import side_output_loss

    logits = torch.full((1, 1, 12, 12), -200.0, requires_grad=True)
    loss = side_output_loss([logits], torch.ones(1, 1, 12, 12), 1.0, 1.0)
    loss.backward()
    assert float(loss.detach()) > 200.0
    assert float(logits.grad.abs().max()) > 0.0


def test_a_map_smaller_than_a_window_is_refused(torch: Any) -> None:
    from offline.train.segmenter.losses import ssim_loss

    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim_loss(torch.zeros(1, 1, 10, 30), torch.zeros(1, 1, 10, 30))
