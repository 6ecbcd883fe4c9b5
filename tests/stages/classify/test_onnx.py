"""The trained classifier: labels, activations and files that do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from engine.errors import ConfigError, WeightsError
from stages.classify import onnx as stage
from stages.classify.onnx import read_labels
from stages.context import BuildContext
from tests.stages.classify.small_heads import LOGITS, SOFTMAX, classified, plain, write_head


def test_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    (scores,) = classified(write_head(tmp_path, SOFTMAX), [plain(255, 0, 0)])
    expected = np.exp([1.0, 0, 0]) / np.exp([1.0, 0, 0]).sum()
    assert scores.names == ("red", "green", "blue")
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)


def test_logits_with_softmax_are_what_a_head_with_softmax_gives(tmp_path: Path) -> None:
    image = [plain(10, 200, 90)]
    (mine,) = classified(write_head(tmp_path, LOGITS), image, activation="softmax")
    (its,) = classified(write_head(tmp_path, SOFTMAX), image)
    np.testing.assert_allclose(mine.probabilities, its.probabilities, atol=1e-6)


def test_logits_without_softmax_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match='activation = "softmax"'):
        classified(write_head(tmp_path, LOGITS), [plain(255, 255, 0)])


def test_scores_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    head = write_head(tmp_path, helper.make_node("Log", ["means"], ["scores"]))
    for activation in ("softmax", "none"):
        with pytest.raises(WeightsError):
            classified(head, [plain(0, 0, 0)], activation=activation)


@pytest.mark.parametrize("classes", [3, "c"])
def test_a_list_of_another_length_is_refused(tmp_path: Path, classes: int | str) -> None:
    head = write_head(tmp_path, SOFTMAX, classes)
    labels = tmp_path / "other.txt"
    labels.write_text("red\ngreen\n")
    with pytest.raises(ConfigError, match="3 scores"):
        classified(head, [plain(1, 2, 3)], labels=str(labels))


@pytest.mark.parametrize(
    ("text", "fault"), [("", "no label"), ("\n \n", "no label"), ("a\nb\na\n", "twice: a")]
)
def test_labels_that_cannot_name_outputs_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fault):
        read_labels(path)


def test_labels_survive_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffflacon\r\ndôme \r\n".encode())
    assert read_labels(path) == ("flacon", "dôme")


def test_labels_that_are_absent_or_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00\x9f")
    for name in ("absent.txt", "bytes.txt", "."):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_labels(tmp_path / name)


def test_another_list_is_another_fingerprint_and_the_same_list_elsewhere_is_not(
    tmp_path: Path,
) -> None:
    head = write_head(tmp_path, SOFTMAX)
    for name, text in (("a.txt", "r\ng\nb"), ("b.txt", "r\n\ng\nb\n"), ("c.txt", "g\nr\nb")):
        (tmp_path / name).write_text(text)
    hashes = []
    for name in ("a.txt", "b.txt", "c.txt"):
        context, labels = BuildContext(), str(tmp_path / name)
        stage.build(stage.Options(weights=str(head), labels=labels), context)
        hashes.append(context.used[labels])
    assert hashes[0] == hashes[1] != hashes[2]
