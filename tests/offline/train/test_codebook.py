"""A codebook from a folder of drawn packages, and what stops one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError
from offline.datasets.packbench import shipped
from offline.train.codebook.recipe import CodebookRecipe
from offline.train.codebook.training import cluster, idf_of, train_codebook
from stages.embed._codebook import assigned, read_codebook
from stages.embed._keypoints import Detector
from stages.profiles import read_profile
from tests.drawn_catalogue import package, save
from tests.packsight_command import Command

QUICK = ["segment.name=whole", "cutout.name=whole", "cutout.size=96"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for category in ("bottle", "jar"):
        for product in range(4):
            save(folder / category / f"{product}.png", package(category, product))
    return folder


@pytest.fixture
def settings() -> Settings:
    return load(read_profile("classic"), env={}, flags=QUICK)


@pytest.mark.parametrize("detector", ["sift", "orb"])
def test_the_same_run_writes_the_same_file(
    images: Path, settings: Settings, tmp_path: Path, detector: Detector
) -> None:
    written = []
    for name in ("a.npz", "b.npz"):
        run = CodebookRecipe(images, tmp_path / name, words=6, detector=detector)
        report = train_codebook(run, settings)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert report.images == 8 and report.features >= 6 and report.notes == ()
    back = read_codebook(tmp_path / "a.npz")
    assert back.words.shape == (6, back.spec.size)
    assert back.spec.detector == detector
    assert not list(tmp_path.glob(".part*"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_word_is_the_mean_of_the_features_that_it_is_nearest_to(seed: int) -> None:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(0, 10, (4, 3)), 30, axis=0)
    rows = (centres + random.normal(0, 0.1, centres.shape)).astype(np.float32)
    words = cluster(rows, 4, seed)
    nearest = assigned(rows, words)
    assert set(nearest.tolist()) == {0, 1, 2, 3}
    means = [rows[nearest == number].mean(axis=0) for number in range(4)]
    np.testing.assert_allclose(words, means, atol=1e-3)
    np.testing.assert_array_equal(words, cluster(rows, 4, seed))


def test_features_fewer_than_words_are_refused() -> None:
    with pytest.raises(ValueError, match="2 features"):
        cluster(np.zeros((2, 4), np.float32), 3, seed=0)


def test_a_word_is_as_telling_as_few_images_have_it() -> None:
    words = np.array([[0.0], [10.0]], np.float32)
    images = [np.array(rows, np.float32).reshape(-1, 1) for rows in ([1, 2], [0, 9], [], [3])]
    np.testing.assert_allclose(idf_of(images, words), [np.log(4 / 3), np.log(4)], rtol=1e-6)


def test_no_more_features_are_taken_than_asked_for(
    images: Path, settings: Settings, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    run = CodebookRecipe(images, tmp_path / "a.npz", words=4, total_features=9)
    report = train_codebook(run, settings, lambda done, total: seen.append((done, total)))
    assert report.features == 9
    assert report.images < 8


def test_the_training_split_is_taken_unless_another_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    reports = [
        train_codebook(CodebookRecipe(shipped(), tmp_path / "a.npz", split, words=4), settings)
        for split in (None, "train")
    ]
    assert reports[0].codebook.data == reports[1].codebook.data
    assert reports[0].codebook.data.endswith(": train")
    with pytest.raises(ConfigError, match="nothing"):
        train_codebook(CodebookRecipe(shipped(), tmp_path / "a.npz", "nothing"), settings)


def test_too_few_features_for_the_words_are_reported(
    images: Path, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"100000 words.*--words"):
        train_codebook(CodebookRecipe(images, tmp_path / "a.npz", words=100_000), settings)
    assert not (tmp_path / "a.npz").exists()


def test_an_image_that_cannot_be_read_stops_nothing(
    images: Path, settings: Settings, tmp_path: Path
) -> None:
    (images / "jar" / "0.png").write_bytes(b"no image")
    report = train_codebook(CodebookRecipe(images, tmp_path / "a.npz", words=4), settings)
    assert report.images == 7
    assert len(report.notes) == 1 and "left out" in report.notes[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"words": 0}, "--words 0"),
        ({"total_features": 0}, "--total-features 0"),
        ({"out": Path("book.txt")}, r"must be named \*\.npz"),
    ],
)
def test_impossible_settings_are_refused(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        CodebookRecipe(**{"data": Path(), "out": Path("a.npz"), **values})  # type: ignore[arg-type]


def test_a_file_that_cannot_be_written_is_one_sentence(
    images: Path, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        run = CodebookRecipe(images, tmp_path / "absent" / "a.npz", words=4)
        train_codebook(run, settings)


def test_the_command_trains_and_says_how_to_use_it(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packsight = Command(capsys)
    out = tmp_path / "book.npz"
    flags = [part for setting in QUICK for part in ("--set", setting)]
    done = packsight(
        *("train", "codebook", "--data", images, "--out", out, "--words", "5"),
        *("--detector", "sift", "--no-root", "--quiet", *flags),
    )
    assert done.code == 0, done.err
    assert "5 words of" in done.out and "root = false" in done.out
    gallery = tmp_path / "gallery"
    use = ("embed.name=local_features", f"embed.codebook={out}", "embed.root=false")
    flags += [part for setting in use for part in ("--set", setting)]
    ingested = packsight("ingest", images, "--gallery", gallery, "--workers", "1", *flags)
    assert ingested.code == 0, ingested.err
    found = packsight("query", images / "jar" / "1.png", "--gallery", gallery, "-k", "1")
    assert found.code == 0 and "jar/1.png" in found.out
    refused = packsight(
        *("query", images / "jar" / "1.png", "--gallery", gallery),
        *("--set", "embed.detector=orb"),
    )
    assert refused.code == 1 and "RootSIFT" not in refused.err and "SIFT" in refused.line
