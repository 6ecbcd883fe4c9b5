"""Which settings apply to new galleries and to those there are."""

from dataclasses import replace

import pytest

from engine.config import Settings
from engine.errors import ConfigError
from engine.manifest import Manifest
from stages.assemble import assemble
from stages.keypoints._projection import shipped_projection
from stages.open_settings import settings_for


def of_before() -> Manifest:
    """The manifest of a gallery whose settings were written before today's rules."""
    tables = Settings().tables()
    tables |= {"matting": {"name": "fba"}}
    return Manifest("f" * 64, 3, normalised=False, settings=tables)


def test_new_settings_must_name_the_weights_of_fba() -> None:
    with pytest.raises(ConfigError, match="renders only") as caught:
        settings_for(None, overrides=["matting.name=fba"])
    assert "fba_compact" in caught.value.remedy
    named = settings_for(None, overrides=["matting.name=fba", "matting.weights=fba_compact"])
    assert named.matting.options == {"weights": "fba_compact"}


def test_a_gallery_cannot_change_to_fba_without_named_weights() -> None:
    plain = Manifest("f" * 64, 3, normalised=False, settings=Settings().tables())
    assert settings_for(plain).matting.name == "none"
    with pytest.raises(ConfigError, match="renders only"):
        settings_for(plain, overrides=["matting.name=fba"])


def test_a_gallery_that_was_made_with_the_shipped_network_keeps_it() -> None:
    """Its fingerprint is that of settings which name the weights."""
    kept = settings_for(of_before(), overrides=["query.augment=true"])
    overrides = ["matting.name=fba", "matting.weights=fba_compact"]
    named = settings_for(None, profile="classic", overrides=overrides)
    named = named.model_copy(update={"images": kept.images, "keypoints": kept.keypoints})
    assert kept.matting.name == "fba"
    assert assemble(kept).fingerprint == assemble(named).fingerprint


def test_a_gallery_without_keypoints_stays_without_them_by_any_profile() -> None:
    plain = Manifest("f" * 64, 3, normalised=False, settings=Settings().tables())
    assert settings_for(None, profile="classic").keypoints.name == "sift"
    assert settings_for(plain, profile="classic").keypoints.name == "none"
    assert settings_for(plain, overrides=["keypoints.name=sift"]).keypoints.name == "sift"


def test_how_keypoints_are_weighed_changes_answers_and_no_description() -> None:
    plain = settings_for(None, profile="classic")
    described = assemble(plain)
    weighed = assemble(settings_for(None, profile="classic", overrides=["keypoints.weight=1.0"]))
    finer = assemble(settings_for(None, profile="classic", overrides=["keypoints.side=640"]))
    assert weighed.fingerprint == described.fingerprint
    assert weighed.answering != described.answering
    assert finer.fingerprint != described.fingerprint


def test_settings_without_keypoints_have_the_identities_of_before() -> None:
    """Of a gallery and a calibration that were made when there were none."""
    without = ["keypoints.name=none", "images.drafted=false"]
    none = settings_for(None, profile="classic", overrides=without)
    parts = assemble(none)
    assert parts.fingerprint.startswith("ece89c65c9bda06d")
    assert parts.answering.startswith("4ce9beef246df654")


def test_another_projection_of_keypoints_is_another_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = settings_for(None, profile="classic")
    before = assemble(plain).fingerprint
    shipped = shipped_projection()
    other = replace(shipped, mean=shipped.mean + 1)
    monkeypatch.setattr("stages.keypoints.sift.shipped_projection", lambda: other)
    assert assemble(plain).fingerprint != before
