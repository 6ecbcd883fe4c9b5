"""SSD300 exported for real: its heads in ONNX, and the whole road to torchvision's own boxes."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from engine.types import RGBImage
from stages import _ssd
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.segment import box
from stages.segment._saliency import network_input
from weights.catalog import load_catalog
from weights.checksums import Checksum
from weights.export import export_checkpoint
from weights.fetch import FetchPolicy, resolve

NAME = "ssd300_vgg16"
LEAST = 0.2


@pytest.mark.slow
def test_an_ssd_of_random_weights_finds_what_torchvision_finds(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    detection = pytest.importorskip("torchvision.models.detection")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    detector = detection.ssd300_vgg16(weights=None, weights_backbone=None).eval()
    with torch.no_grad():  # random features are large, and saturated scores would all be equal
        for convolution in detector.head.classification_head.module_list:
            convolution.weight.mul_(0.3)
    checkpoint = tmp_path / "weights.pth"
    torch.save(detector.state_dict(), checkpoint)
    prefix = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:8]
    entry = dataclasses.replace(load_catalog()[NAME], checksum=Checksum("sha256_prefix", prefix))
    policy = FetchPolicy(tmp_path / "cache")

    report = export_checkpoint(entry, policy, weights=checkpoint)

    assert report.parity.max_abs_diff <= report.parity.tolerance
    found = resolve(NAME, policy, {NAME: entry})
    assert found.spec == entry.input and found.verified
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    detector.score_thresh = LEAST
    with torch.no_grad():
        (theirs,) = detector([torch.from_numpy(pixels).permute(2, 0, 1).float() / 255])
    heads = OnnxSession(found.path, threads=2).run(network_input(pixels, entry.input)[None])
    ours = _ssd.detect(heads[0], LEAST)
    assert len(theirs["boxes"]) == len(ours.boxes) > 5
    np.testing.assert_array_equal(ours.labels[:5], theirs["labels"][:5].numpy())
    np.testing.assert_allclose(ours.scores[:5], theirs["scores"][:5].numpy(), atol=1e-3)
    np.testing.assert_allclose(ours.boxes[:5] * 300, theirs["boxes"][:5].numpy(), atol=0.1)

    stage = box.build(box.Options(weights=str(found.path), least_score=LEAST), BuildContext())
    (matte,) = stage.segment([RGBImage(pixels)])
    np.testing.assert_array_equal(
        matte.alpha, box.box_matte(box.chosen(ours, "best"), RGBImage(pixels)).alpha
    )
