"""`packsight data masks`: images without masks become a data set with those of a segmenter."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.config import load
from engine.errors import ConfigError
from offline.datasets import DatasetImage, open_dataset
from offline.train.segmenter import teacher
from offline.train.segmenter.teacher import write_teacher_masks
from packsight.cli import main
from stages.profiles import read_profile


def write_catalogue(root: Path) -> None:
    """A bright box on a dark table, of two categories, and a file that is no image."""
    for number, category in enumerate(("jar", "bottle")):
        pixels = np.full((60, 80, 3), 40, np.uint8)
        pixels[15:45, 25:55] = (220, 60 + 50 * number, 60)
        path = root / category / "p1" / "1.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path)
    (root / "jar" / "p1" / "2.jpg").write_bytes(b"no image")


def test_masks_of_a_segmenter_become_a_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "photos")
    command = ["data", "masks", str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(command) == 0
    assert "2 images with masks" in capsys.readouterr().out
    found = open_dataset(tmp_path / "out").images("all")
    assert sorted(str(image.category) for image in found) == ["bottle", "jar"]
    for image in found:
        assert image.mask is not None
        alpha = np.asarray(Image.open(image.mask))
        assert alpha[30, 40] == 255 and alpha[2, 2] == 0
        assert alpha.shape == (60, 80)


def test_masks_that_are_not_trusted_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(tmp_path / "photos")
    settings = load(read_profile("classic"), flags=["trust.name=calibrated", "trust.threshold=1.0"])
    dataset = open_dataset(tmp_path / "photos")
    entries = [image for split in dataset.splits for image in dataset.images(split)]
    made = write_teacher_masks(entries, settings, tmp_path / "out", lambda *_: None)
    assert (made.written, made.flagged, len(made.left_out)) == (0, 2, 1)
    assert not (tmp_path / "out").exists()


def test_what_is_there_already_is_not_segmented_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(tmp_path / "photos")
    entry = DatasetImage("a/1.png", tmp_path / "photos" / "jar" / "p1" / "1.png", category="jar")
    settings = load(read_profile("classic"))
    write_teacher_masks([entry], settings, tmp_path / "out", lambda *_: None)
    monkeypatch.setattr(teacher, "load", lambda *_, **__: pytest.fail("decoded again"))
    made = write_teacher_masks([entry], settings, tmp_path / "out", lambda *_: None)
    assert made.written == 1
    with pytest.raises(ConfigError):
        write_teacher_masks([entry, entry], settings, tmp_path / "out", lambda *_: None)
