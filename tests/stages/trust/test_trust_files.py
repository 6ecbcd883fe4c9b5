"""Trust files: written, read back, and refused when they are not what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from stages.trust._fitted import shipped
from stages.trust._model import Segmenter, TrustModel, read_model, sigmoid, standardised
from tests.stages.trust.trust_models import trust_model

finite = st.floats(-1e6, 1e6)


@given(finite, finite, st.floats(0, 1), st.text(alphabet=st.characters(codec="utf-8")))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, border: float, agreement: float, at: float, name: str
) -> None:
    fitted = Segmenter(name=name, weights=("ab",), options={"side": 128, "odd key": name})
    model = trust_model(border=border, agreement=agreement, threshold=at, segmenter=fitted)
    path = tmp_path_factory.mktemp("trust") / "file.toml"
    path.write_text(model.text(), "utf-8")
    assert read_model(path) == model


def test_a_file_without_a_second_look_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(trust_model(second=False).text(), "utf-8")
    assert read_model(path).second is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: "", "version None"),
        (lambda text: text.replace("version = 1", "version = 2"), "version 2"),
        (lambda text: text.replace("terms.border", "terms.bordeaux"), "first: must have the terms"),
        (lambda text: text.replace("threshold = 0.5", "threshold = 1.5"), "threshold"),
        (lambda text: text.replace("deviation = 1.0", "deviation = 0.0"), "deviation"),
        (lambda text: text.replace("intercept = 0.0", "intercept = nan"), "intercept"),
        (lambda text: text.replace("intercept", "intercpet"), "intercept"),
        (lambda text: text[: len(text) // 2], ""),
        (lambda text: "\0" + text, "not a trust file"),
    ],
)
def test_a_damaged_file_is_an_error_with_the_way_out(tmp_path: Path, damage, said: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "file.toml"
    path.write_text(damage(trust_model().text()), "utf-8")
    with pytest.raises(ConfigError, match=r"file\.toml") as caught:
        read_model(path)
    assert said in str(caught.value)
    assert "packsight train trust" in caught.value.remedy


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a trust file"):
        read_model(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not a trust file"):
        read_model(tmp_path)


def test_the_shipped_files_say_what_they_were_fitted_to_and_on() -> None:
    found = shipped()
    assert {"grabcut", "u2netp"} <= set(found)
    for model in found.values():
        assert isinstance(model, TrustModel)
        assert model.second is not None
        assert "packbench" in model.data
        assert model.figures["auroc"] > 0.8 and model.figures["ece"] < 0.1
        assert model.doubtful[0] <= model.threshold <= model.doubtful[1]


def test_a_feature_far_beyond_the_fit_counts_as_three_deviations() -> None:
    rows = np.array([[100.0], [-100.0], [2.0]])
    found = standardised(rows, np.array([1.0]), np.array([2.0]))
    np.testing.assert_allclose(found[:, 0], [3.0, -3.0, 0.5])


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_a_sigmoid_never_leaves_its_range(values: list[float]) -> None:
    found = sigmoid(values)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(sigmoid(np.negative(values)), 1 - found, atol=1e-12)
