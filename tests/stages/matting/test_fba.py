"""Which files the FBA stage takes, and what it shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from stages.context import BuildContext
from stages.matting.fba import Options, build
from tests.stages.matting.matting_graphs import last_channel_model
from tests.stages.matting.matting_scenes import disc, photo_of, softened


@pytest.mark.parametrize("channels", [3, 10, 13])
def test_a_file_that_is_no_matting_network_is_refused(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "other.onnx"
    last_channel_model(path, channels)
    with pytest.raises(WeightsError, match="no matting network"):
        build(Options(weights=str(path)), BuildContext())


def test_a_network_of_twelve_channels_sees_the_saliency(tmp_path: Path) -> None:
    """A network that answers its last channel gives back the matte, what is known put in."""
    path = tmp_path / "saliency.onnx"
    last_channel_model(path, 12)
    alpha = disc(60, 70)
    soft = softened(alpha)
    (found,) = build(Options(weights=str(path)), BuildContext()).refine([photo_of(alpha)], [soft])
    np.testing.assert_allclose(found.alpha, soft.alpha, atol=0.051)


def test_a_network_of_eleven_channels_sees_the_trimap_alone(tmp_path: Path) -> None:
    """A network that answers its last channel gives back the known product, and nothing more."""
    path = tmp_path / "foreground.onnx"
    last_channel_model(path, 11)
    alpha = disc(60, 70)
    (found,) = build(Options(weights=str(path)), BuildContext()).refine(
        [photo_of(alpha)], [softened(alpha)]
    )
    assert set(np.unique(found.alpha)) == {0.0, 1.0}
    assert 0 < found.alpha.sum() < alpha.sum()
