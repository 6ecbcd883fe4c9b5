"""The artefact beside a classifier: whole round trips, and every kind of damage named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import ConfigError, WeightsError
from engine.probabilities import UnknownRule
from stages.classify._artefact import ClassifierArtefact, artefact_path, read_artefact

labels = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    min_size=1,
    max_size=6,
    unique=True,
).map(tuple)
finite = st.floats(allow_nan=False, allow_infinity=False)
rules = st.none() | st.builds(
    UnknownRule, score=st.sampled_from(["max_probability", "energy"]), threshold=finite
)
CUT = {
    "segment": {"name": "u2net", "weights": 'models/ü2 net".onnx'},
    "matting": {"name": "none"},
    "cutout": {"name": "grey_on_white", "size": 224, "margin": 0.05, "frame": "box"},
}


def written(folder: Path, artefact: ClassifierArtefact) -> Path:
    """The model that it belongs to."""
    model = folder / "head.onnx"
    artefact_path(model).write_text(artefact.text(), encoding="utf-8")
    return model


def artefact(**changes: object) -> ClassifierArtefact:
    facts = {"labels": ("jar", "cap"), "output": "logits", "temperature": 1.5, **changes}
    return ClassifierArtefact.model_validate(facts)


@given(labels, st.floats(1e-3, 1e3), rules, st.none() | st.floats(0, 1), st.data())
def test_whatever_the_labels_hold_they_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    labels: tuple[str, ...],
    temperature: float,
    rule: UnknownRule | None,
    least: float | None,
    data: st.DataObject,
) -> None:
    made = ClassifierArtefact(
        labels=labels,
        output="logits",
        temperature=temperature,
        unknown=rule,
        least_probability=least,
        model_sha256=data.draw(st.sampled_from(["", "ab" * 32])),
        figures=data.draw(st.dictionaries(st.text("abc äé.\"'"), finite, max_size=3)),
        cut=CUT,
    )
    model = written(tmp_path_factory.mktemp("artefact"), made)
    assert read_artefact(model) == made


def test_a_model_without_one_has_none(tmp_path: Path) -> None:
    assert read_artefact(tmp_path / "head.onnx") is None


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ((), "at least 1"),
        (("jar", "jar"), "twice"),
        (("jar", " \n"), "empty"),
        (("caf\udce9", "jar"), "UTF-8"),
    ],
)
def test_labels_that_cannot_name_outputs_are_refused(labels: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        artefact(labels=labels)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": float("nan")},
        {"output": "scores"},
        {"least_probability": 1.5},
        {"surplus": 1},
        {"figures": {"ece": float("inf")}},
        {"output": "probabilities", "unknown": {"score": "energy", "threshold": 0}},
        {"unknown": {"score": "odd", "threshold": 0}},
    ],
)
def test_facts_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        artefact(**changes)


@pytest.mark.parametrize(("version", "way_out"), [(2, "Update Packsight"), (0, "Train again")])
def test_another_version_is_refused_with_a_remedy(
    tmp_path: Path, version: int, way_out: str
) -> None:
    model = written(tmp_path, artefact())
    path = artefact_path(model)
    path.write_text(path.read_text().replace("version = 1", f"version = {version}"))
    with pytest.raises(ConfigError, match="this Packsight reads version 1") as caught:
        read_artefact(model)
    assert way_out in caught.value.remedy


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda text: text[: len(text) // 3].encode(), "damaged: version None"),
        (lambda text: text.replace("version = 1", "version = true").encode(), "version True"),
        (lambda text: b"\xff\xfe" + text.encode(), "cannot be read"),
        (
            lambda text: text.replace("temperature = 1.5", "temperature = -1").encode(),
            "temperature",
        ),
        (lambda text: text.replace("labels", "lables").encode(), "labels: Field required"),
        (lambda text: text.replace('["jar", "cap"]', '"jar"').encode(), "labels"),
    ],
)
def test_a_damaged_one_is_refused_with_its_remedy(
    tmp_path: Path, damage: object, fault: str
) -> None:
    model = written(tmp_path, artefact())
    path = artefact_path(model)
    path.write_bytes(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(WeightsError, match=fault) as caught:
        read_artefact(model)
    assert "packsight train classifier" in caught.value.remedy


def test_one_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    artefact_path(tmp_path / "head.onnx").mkdir()
    with pytest.raises(WeightsError, match="cannot be read"):
        read_artefact(tmp_path / "head.onnx")


def test_one_of_another_model_is_refused(tmp_path: Path) -> None:
    model = written(tmp_path, artefact(model_sha256="a" * 64))
    assert read_artefact(model, "a" * 64) is not None
    with pytest.raises(WeightsError, match="belongs to another model"):
        read_artefact(model, "b" * 64)


def test_the_identity_follows_what_changes_scores_and_nothing_else() -> None:
    rule = UnknownRule(score="max_probability", threshold=0.5)
    same = [artefact(), artefact(figures={"ece": 0.1}), artefact(cut=CUT, cut_fingerprint="f")]
    others = [
        artefact(labels=("cap", "jar")),
        artefact(temperature=1.6),
        artefact(output="probabilities"),
        artefact(unknown=rule),
        artefact(unknown=rule.model_copy(update={"threshold": 0.6})),
    ]
    assert len({one.identity for one in same}) == 1
    assert len({one.identity for one in [*same, *others]}) == 1 + len(others)


def test_a_photo_is_unknown_below_the_threshold_and_known_at_it() -> None:
    rows = np.log([[0.5, 0.5], [0.6, 0.4], [0.9, 0.1]])
    rule = UnknownRule(score="max_probability", threshold=0.6 - 1e-9)
    assert rule.decide(rows, 1.0).tolist() == [True, False, False]
    # Energy keeps the logits' own scale: a temperature changes probabilities alone.
    energy = UnknownRule(score="energy", threshold=float(np.log(np.exp(5.0) + 1)) - 1e-9)
    loud = np.array([[5.0, 0.0], [4.9, 0.0]])
    assert energy.decide(loud, 1.0).tolist() == energy.decide(loud, 9.0).tolist() == [False, True]
