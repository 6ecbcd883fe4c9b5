"""The models that come with the package: whole, small, and found without a network."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import WeightsError
from stages.context import BuildContext
from stages.matting.fba import Options, build
from tests.stages.matting.matting_scenes import disc, photo_of, softened
from weights import cache
from weights.catalog import load_catalog
from weights.fetch import FetchPolicy, resolve
from weights.inspection import find_copies, verify_copy
from weights.sidecar import read_sidecar

SHIPPED = [entry for entry in load_catalog().values() if entry.shipped]


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_a_shipped_model_is_whole_and_needs_no_network(entry, tmp_path) -> None:
    found = resolve(entry.name, FetchPolicy(tmp_path, download=False))
    assert found.verified and found.path.stat().st_size <= 8 * 2**20
    sidecar = read_sidecar(found.path)
    assert sidecar is not None and sidecar.sha256 == found.sha256 and sidecar.input == entry.input
    assert found.path.with_suffix(".md").is_file()  # its card
    (copy,) = find_copies(entry, tmp_path)
    assert copy.place == "shipped" and verify_copy(copy).state == "verified"


def test_all_shipped_files_together_stay_small() -> None:
    folder = cache.shipped_path(SHIPPED[0]).parent
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 24e6


def test_matting_works_out_of_the_box() -> None:
    matting = build(Options(), BuildContext(policy=FetchPolicy(download=False)))
    alpha = disc(120, 140)
    soft = softened(alpha)
    (found,) = matting.refine([photo_of(alpha)], [soft])
    assert np.abs(found.alpha - alpha).mean() < np.abs(soft.alpha - alpha).mean()


@pytest.mark.parametrize(("content", "expected"), [(b"other", "damaged"), (None, "is not there")])
def test_a_shipped_model_that_is_damaged_is_refused_with_a_remedy(
    content: bytes | None, expected: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fba_compact.onnx"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr("weights.fetch.shipped_path", lambda entry: path)
    with pytest.raises(WeightsError, match=expected) as caught:
        resolve("fba_compact", FetchPolicy(tmp_path))
    assert "Install Packsight again" in str(caught.value)


def test_shipped_models_lie_in_one_folder_of_the_package() -> None:
    for entry in SHIPPED:
        assert cache.shipped_path(entry).parent.name == "compact"
