"""Trust files: written, read back, and refused when they are not what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import ConfigError
from stages.trust._model import PHOTOS, PRINT, Segmenter, TrustModel, read_model, shipped
from tests.stages.trust.trust_models import trust_model
from weights.catalog import load_catalog

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


def test_the_file_of_the_shipped_segmenter_was_fitted_to_the_masks_of_its_weights() -> None:
    checksum = load_catalog()["segmenter_compact"].checksum
    assert checksum is not None
    assert shipped()["segmenter_compact"].segmenter == Segmenter(
        name="saliency", weights=(checksum.value,), known_as=("segmenter_compact",)
    )


def test_a_feature_far_beyond_the_fit_counts_as_three_deviations() -> None:
    model = trust_model(border=-1.0)
    rows = np.zeros((2, len(model.first.terms)))
    rows[:, list(model.first.terms).index("border")] = [3.0, 100.0]
    np.testing.assert_allclose(model.first.log_odds(rows), [-3.0, -3.0])


RECORDED = {
    "grabcut": (
        "0954d1ab4466ee86476b4dad5c5388a4f9fa05bbb2e445dead6db92f7a268afe",
        [
            0.7696845630197029,
            0.5560088286465257,
            0.977617588935092,
            0.9907237071908631,
            0.004196156911840887,
            0.023449313269966632,
        ],
        [
            0.5830439895599302,
            0.6436582854313032,
            0.933724196238759,
            0.9668662577788893,
            0.0018186377228467387,
            0.012480826845775228,
        ],
    ),
    "u2netp": (
        "8288c2444edbfbb7aedc19b4fc6970ea2490d4706b71a1aae32c572c41853656",
        [
            0.9286828630683757,
            0.9879076227216778,
            0.7674842581689789,
            0.6123831961722435,
            0.7837438804511732,
            0.06087121315086985,
        ],
        [
            0.7897527374819318,
            0.9914916652317852,
            0.410186992870075,
            0.2920859837280516,
            0.6085213249223441,
            0.056175531642249144,
        ],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_shipped_file_keeps_the_trust_and_identity_of_earlier_versions(name: str) -> None:
    """A changed identity would change the fingerprint of every gallery that was made with it."""
    identity, first, second = RECORDED[name]
    model, random = shipped()[name], np.random.default_rng(1)
    terms = model.first.terms.values()
    means, deviations = (
        np.array([getattr(term, part) for term in terms]) for part in ("mean", "deviation")
    )
    rows = np.round(means + deviations * 2 * random.normal(size=(6, len(means))), 6)
    assert model.identity == identity
    np.testing.assert_allclose(model.first.probability(rows), first, rtol=1e-13)
    assert model.second is not None
    twice = np.column_stack([rows, np.round(random.random(6), 6)])
    np.testing.assert_allclose(model.second.probability(twice), second, rtol=1e-13)


def test_a_file_of_other_features_is_refused() -> None:
    model = trust_model()
    fewer = model.first.model_copy(update={"terms": dict(list(model.first.terms.items())[1:])})
    with pytest.raises(ValidationError, match="must have the terms"):
        TrustModel.model_validate({**model.model_dump(), "first": fewer})


def test_the_files_of_photos_keep_their_identity() -> None:
    """As those of renders: galleries are made with them."""
    identities = {name: model.identity[:12] for name, model in shipped(PHOTOS).items()}
    assert identities == {"grabcut": "ce44471d49dd", "u2netp": "1e52ab2cd03d"}


def test_the_files_with_print_are_those_of_photos_where_print_gains_nothing() -> None:
    photos, printed = shipped(PHOTOS), shipped(PRINT)
    assert printed["u2netp"].identity == photos["u2netp"].identity
    assert printed["grabcut"].identity[:12] == "aae7ab2de515"
    assert printed["grabcut"].first.terms["print_in_box"].weight > 0
