"""The trained classifier with its artefact: temperature, unknown photos, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import load
from engine.errors import ConfigError, WeightsError
from engine.probabilities import UnknownRule, softmax_at
from offline import ingest
from online import query
from online.results_json import results_json
from stages.assemble import assemble, assemble_cutting
from stages.classify import onnx as stage
from stages.classify._artefact import ClassifierArtefact, artefact_path
from stages.context import BuildContext
from stages.profiles import read_profile
from tests.drawn_catalogue import QUICK, package, save, write_catalogue
from tests.stages.classify.small_heads import LOGITS, SOFTMAX, classified, plain, write_head

NAMES = ("rosé", 'gr"ün', "blau/\n")
COLOURS = [plain(255, 0, 0), plain(10, 200, 90), plain(50, 60, 70)]
MEANS = np.array([cutout.pixels[0, 0] / 255.0 for cutout in COLOURS])


def trained(folder: Path, node: object = LOGITS, **facts: object) -> Path:
    """A head with its artefact, and no list of labels beside."""
    head = write_head(folder, node)
    head.with_name("head.labels.txt").unlink()
    output = "logits" if node is LOGITS else "probabilities"
    made = ClassifierArtefact.model_validate({"labels": NAMES, "output": output, **facts})
    artefact_path(head).write_text(made.text(), encoding="utf-8")
    return head


@pytest.mark.parametrize("node", [LOGITS, SOFTMAX])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_logits_and_probabilities_are_tempered_alike(
    tmp_path: Path, node: object, temperature: float
) -> None:
    scores = classified(trained(tmp_path, node, temperature=temperature), COLOURS)
    expected = softmax_at(MEANS, temperature)
    for one, row in zip(scores, expected, strict=True):
        assert one.names == NAMES
        np.testing.assert_allclose(one.probabilities, row, atol=1e-6)
        assert (one.unknown, one.least) == (False, None)


def test_photos_below_the_threshold_are_unknown(tmp_path: Path) -> None:
    sure = softmax_at(MEANS, 0.2).max(axis=1)  # 0.99, 0.62, 0.36
    rule = UnknownRule(score="max_probability", threshold=0.5)
    scores = classified(trained(tmp_path, temperature=0.2, unknown=rule), COLOURS)
    assert [one.unknown for one in scores] == [p < 0.5 for p in sure] == [False, False, True]


def test_energy_decides_by_the_logits_own_scale(tmp_path: Path) -> None:
    energy = np.log(np.exp(MEANS).sum(axis=1))
    rule = UnknownRule(score="energy", threshold=float(np.sort(energy)[1]) - 1e-6)
    scores = classified(trained(tmp_path, temperature=7.0, unknown=rule), COLOURS)
    assert [one.unknown for one in scores] == (energy < rule.threshold).tolist()
    assert sum(one.unknown for one in scores) == 1


def test_the_least_probability_reaches_the_routing(tmp_path: Path) -> None:
    scores = classified(trained(tmp_path, least_probability=0.02), COLOURS)
    assert {one.least for one in scores} == {0.02}


@pytest.mark.parametrize("option", [{"labels": "x.txt"}, {"activation": "none"}])
def test_options_that_the_artefact_answers_are_refused(
    tmp_path: Path, option: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=r"\[classify\]") as caught:
        classified(trained(tmp_path), COLOURS, **option)
    assert "Leave the option out" in caught.value.remedy


def test_another_number_of_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 scores"):
        classified(trained(tmp_path, labels=("a", "b")), COLOURS)


def test_the_artefact_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="belongs to another model"):
        classified(trained(tmp_path, model_sha256="0" * 64), COLOURS)


def test_the_fingerprint_follows_what_changes_scores(tmp_path: Path) -> None:
    def seen(**facts: object) -> list[str]:
        context = BuildContext()
        stage.build(stage.Options(weights=str(trained(tmp_path, **facts))), context)
        return sorted(context.used.values())

    assert seen() == seen(figures={"accuracy": 0.5}) == seen(least_probability=0.1)
    assert seen() != seen(temperature=2.0)
    assert seen() != seen(labels=NAMES[::-1])


def flags(head: Path, *more: str) -> list[str]:
    return [*QUICK, "classify.name=onnx", f"classify.weights={head}", *more]


def test_a_classifier_is_served_with_the_cutouts_it_learned_from_or_not_at_all(
    tmp_path: Path,
) -> None:
    classic = read_profile("classic")
    learned = load(classic, env={}, flags=QUICK)
    cutting = assemble_cutting(learned)
    tables = cutting.settings.tables()
    head = trained(
        tmp_path,
        cut_fingerprint=cutting.fingerprint,
        cut={section: tables[section] for section in ("segment", "cutout")},
    )
    assemble(load(classic, env={}, flags=flags(head)))
    assemble(load(classic, env={}, flags=flags(head, "embed.side=64", "classify.batch=3")))
    for change in ("cutout.size=48", "segment.name=grabcut", "images.max_side=100"):
        with pytest.raises(ConfigError, match="cut out") as caught:
            assemble(load(classic, env={}, flags=flags(head, change)))
        assert "[cutout] name = 'whole', size = 32" in caught.value.message
        assert "classify.any_cutting" in caught.value.remedy
        permitted = load(classic, env={}, flags=flags(head, change, "classify.any_cutting=true"))
        assemble(permitted)


def test_permitting_other_cutouts_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    head = trained(tmp_path)
    classic = read_profile("classic")
    prints = {
        assemble(load(classic, env={}, flags=flags(head, *more))).fingerprint
        for more in ((), ("classify.any_cutting=true",))
    }
    assert len(prints) == 1


def test_an_unknown_photo_is_searched_everywhere_and_marked(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "catalogue")
    head = trained(
        tmp_path,
        labels=("bottle", "jar", "stick"),
        temperature=0.01,
        unknown={"score": "max_probability", "threshold": 0.9},
    )
    ingest(tmp_path / "catalogue", tmp_path / "gallery", overrides=flags(head), workers=1)
    grey = np.full((64, 64, 3), 90, np.uint8)
    red = np.array([200, 30, 30], np.uint8) * np.ones((64, 64, 1), np.uint8)
    answers = [
        results_json(query(save(tmp_path / f"{name}.png", pixels), tmp_path / "gallery"))
        for name, pixels in (("grey", grey), ("red", red))
    ]
    routes = [answer["route"] for answer in answers]
    assert [route["unknown"] for route in routes] == [True, False]  # type: ignore[index]
    assert [len(route["categories"]) for route in routes] == [3, 1]  # type: ignore[index]
    assert "looks like no known category" in routes[0]["why"]  # type: ignore[index]
    again = query(save(tmp_path / "again.png", package("jar", 0)), tmp_path / "gallery")
    assert not any(hit.record.description.scores.unknown for hit in again.hits)
