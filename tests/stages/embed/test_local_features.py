"""SIFT and ORB features: where they lie, how they are gathered, which codebook is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import ConfigError, WeightsError
from engine.inverted_lists import inverse_document_frequency
from engine.types import Cutout, FloatArray, UInt8Array
from stages.context import BuildContext
from stages.embed import local_features as stage
from stages.embed._codebook import (
    Codebook,
    assigned,
    bag_of_words,
    read_codebook,
    vlad,
)
from stages.embed._keypoints import SIZES, Detector, FeatureSpec, local_features
from tests.drawn_catalogue import package

MakeCutout = Callable[..., Cutout]
DETECTORS: tuple[Detector, ...] = ("sift", "orb")


def drawn(seed: int, *shape: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def image(product: int = 1) -> UInt8Array:
    """(96, 96, 3): a drawn package with marks printed on it."""
    square = cv2.resize(package("bottle", product), (96, 96))
    cv2.putText(square, f"A{product}", (28, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2)
    return np.asarray(square, np.uint8)


def codebook(detector: Detector = "sift", words: int = 5, *, root: bool = True) -> Codebook:
    spec = FeatureSpec(detector, root)
    centres = np.abs(drawn(7, words, spec.size))
    return Codebook(centres, np.linspace(0.5, 2, words).astype(np.float32), spec, "drawn")


def built(folder: Path, held: Codebook, **values: object) -> stage.LocalFeatures:
    path = folder / "book.npz"
    held.write(path)
    options = stage.Options.model_validate(
        {"codebook": str(path), "detector": held.spec.detector, "root": held.spec.root, **values}
    )
    return stage.build(options, BuildContext(threads=2))


# What the mathematics is


def slow_assigned(feature: FloatArray, words: FloatArray) -> int:
    gaps = [math.dist(feature.tolist(), word.tolist()) for word in words]
    return gaps.index(min(gaps))


@given(seed=st.integers(0, 999), features=st.integers(0, 9), words=st.integers(1, 5))
def test_every_feature_goes_to_its_nearest_word(seed: int, features: int, words: int) -> None:
    rows, centres = drawn(seed, features, 4), drawn(seed + 1, words, 4)
    expected = [slow_assigned(row, centres) for row in rows]
    assert assigned(rows, centres).tolist() == expected


@given(
    seed=st.integers(0, 999),
    features=st.integers(0, 9),
    power=st.sampled_from([0.5, 1.0]),
    intra=st.booleans(),
)
def test_vlad_is_the_sum_of_residuals_word_by_word(
    seed: int, features: int, power: float, intra: bool
) -> None:
    rows, centres = drawn(seed, features, 4), drawn(seed + 1, 3, 4)
    parts = []
    for number, word in enumerate(centres.tolist()):
        own = [row for row in rows if slow_assigned(row, centres) == number]
        sums = [sum(float(row[at]) - word[at] for row in own) for at in range(4)]
        part = [math.copysign(abs(value) ** power, value) for value in sums]
        length = math.hypot(*part) if intra else 1.0
        parts += [value / (length or 1.0) for value in part]
    np.testing.assert_allclose(vlad(rows, centres, power, intra=intra), parts, atol=2e-3)


def test_a_bag_of_words_counts_and_weighs() -> None:
    words = np.array([[0.0], [10.0], [20.0]], np.float32)
    features = np.array([[1.0], [-1.0], [9.0], [2.0]], np.float32)
    idf = inverse_document_frequency(np.array([4, 2, 0]), 4)
    np.testing.assert_allclose(idf, [0, math.log(2), math.log(4)], rtol=1e-6)
    bag = bag_of_words(features, words, np.array([1, 2, 3], np.float32))
    np.testing.assert_allclose(bag, [3 / 4, 2 / 4, 0])
    assert bag_of_words(features[:0], words, idf).tolist() == [0, 0, 0]


# Where the features lie and what they are


@pytest.mark.parametrize("detector", DETECTORS)
def test_features_are_of_one_size_and_no_more_than_the_limit(
    cutout: MakeCutout, detector: Detector
) -> None:
    one = cutout(image())
    found = local_features(one, FeatureSpec(detector))
    assert found.dtype == np.float32 and found.shape[1] == SIZES[detector]
    assert len(found) > 10
    few = local_features(one, FeatureSpec(detector, max_features=7))
    assert 0 < len(few) <= 7
    if detector == "sift":  # the strongest ones; ORB fractions them out among its scales
        np.testing.assert_array_equal(few, found[:7])


def test_sift_rows_have_length_1_and_a_root_makes_them_rootsift(cutout: MakeCutout) -> None:
    one = cutout(image())
    plain = local_features(one, FeatureSpec(root=False))
    rooted = local_features(one, FeatureSpec(root=True))
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(rooted, axis=1), 1, atol=1e-5)
    fractions = plain / plain.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rooted, np.sqrt(fractions), atol=1e-5)


def test_the_distance_of_orb_rows_is_the_hamming_distance(cutout: MakeCutout) -> None:
    rows = local_features(cutout(image()), FeatureSpec("orb"))
    assert set(np.unique(rows)) == {0.0, 1.0}
    packed = np.packbits(rows.astype(np.uint8), axis=1)
    hamming = cv2.norm(packed[0], packed[1], cv2.NORM_HAMMING)
    assert ((rows[0] - rows[1]) ** 2).sum() == hamming


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_is_no_product_has_no_features_unless_asked_for(
    cutout: MakeCutout, detector: Detector
) -> None:
    pixels = image()
    beside = np.zeros(pixels.shape[:2], np.float32)
    beside[:4, :4] = 1  # a corner without anything
    one = cutout(pixels, beside)
    assert len(local_features(one, FeatureSpec(detector))) == 0
    assert len(local_features(one, FeatureSpec(detector, masked=False))) > 10
    nowhere = cutout(pixels, np.zeros_like(beside))  # an empty matte: the whole image
    everywhere = local_features(cutout(pixels), FeatureSpec(detector))
    np.testing.assert_array_equal(local_features(nowhere, FeatureSpec(detector)), everywhere)


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_same_cutout_has_the_same_features_on_any_number_of_threads(
    cutout: MakeCutout, tmp_path: Path, detector: Detector
) -> None:
    cutouts = [cutout(image(product)) for product in range(6)]
    before = cv2.getNumThreads()
    rows = []
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            embedder = built(tmp_path, codebook(detector))
            embedder._threads = threads
            rows.append(embedder.embed(cutouts))
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_orb_sees_a_product_that_fills_the_image(cutout: MakeCutout) -> None:
    """An image of 56 pixels: OpenCV's ORB alone looks at none of them."""
    small = np.asarray(cv2.resize(image(), (56, 56)), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    assert len(cv2.ORB.create().detect(grey, None)) == 0
    assert len(local_features(cutout(small), FeatureSpec("orb"))) > 0


# The embedder


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("aggregate", ["bow", "vlad"])
def test_a_row_says_which_image_it_is(
    cutout: MakeCutout, tmp_path: Path, detector: Detector, aggregate: str
) -> None:
    held = codebook(detector, words=5)
    embedder = built(tmp_path, held, aggregate=aggregate)
    assert embedder.dimension == (5 if aggregate == "bow" else 5 * held.spec.size)
    rows = embedder.embed([cutout(image(product)) for product in (1, 2, 3)])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    if aggregate == "vlad":
        brighter = np.clip(image(2).astype(int) + 6, 0, 255).astype(np.uint8)
        asked = embedder.embed([cutout(brighter)])[0]
        assert int(np.argmax(rows @ asked)) == 1


def test_an_image_without_a_keypoint_has_the_neutral_row(
    cutout: MakeCutout, tmp_path: Path
) -> None:
    for aggregate in ("bow", "vlad"):
        embedder = built(tmp_path, codebook(), aggregate=aggregate)
        plain = cutout(np.full((64, 64, 3), 200, np.uint8))
        (row,) = embedder.embed([plain])
        np.testing.assert_allclose(row, 1 / math.sqrt(embedder.dimension), rtol=1e-6)


# The file


def test_a_codebook_comes_back_as_it_was_written(tmp_path: Path) -> None:
    held = codebook("orb")
    held.write(tmp_path / "a.npz")
    back = read_codebook(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.words, held.words)
    np.testing.assert_array_equal(back.idf, held.idf)
    assert (back.spec, back.data, back.identity) == (held.spec, "drawn", held.identity)
    held.write(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_codebook_is_known_by_its_content(tmp_path: Path) -> None:
    context, held = BuildContext(), codebook()
    path = tmp_path / "book.npz"
    held.write(path)
    stage.build(stage.Options(codebook=str(path)), context)
    assert context.used == {str(path): held.identity}
    other = Codebook(held.words + 1, held.idf, held.spec, held.data)
    renamed = Codebook(held.words, held.idf, held.spec, "message otherwise")
    assert other.identity != held.identity == renamed.identity


@pytest.mark.parametrize(
    ("held", "options", "kinds"),
    [
        (codebook("orb"), {"detector": "sift", "root": True}, "ORB.*RootSIFT"),
        (codebook("sift"), {"detector": "orb"}, "RootSIFT.*ORB"),
        (codebook("sift", root=False), {"root": True}, "SIFT.*RootSIFT"),
    ],
)
def test_a_codebook_of_other_features_is_refused(
    tmp_path: Path, held: Codebook, options: dict[str, object], kinds: str
) -> None:
    with pytest.raises(ConfigError, match=f"book.npz: .*{kinds}.*train codebook"):
        built(tmp_path, held, **options)


def test_root_changes_nothing_of_orb(tmp_path: Path) -> None:
    built(tmp_path, codebook("orb", root=True), root=False)


@pytest.mark.parametrize("content", [None, b"", b"no arrays", "truncated", "facts", "newer"])
def test_a_file_that_is_no_codebook_is_refused_with_the_command(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "book.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "truncated":
        codebook().write(path)
        path.write_bytes(path.read_bytes()[:-200])
    elif content is not None:
        facts = '{"version": 99}' if content == "newer" else '{"version": 1, "detector": "surf"}'
        np.savez(path, words=np.ones((2, 128)), idf=np.ones(2), facts=np.array(facts))
    with pytest.raises(WeightsError, match=r"book\.npz: .*packsight train codebook"):
        read_codebook(path)


def test_a_codebook_that_does_not_fit_itself_is_refused() -> None:
    spec = FeatureSpec("sift")
    for words, idf in (((3, 128), 2), ((3, 64), 3), ((0, 128), 0)):
        with pytest.raises(ValueError, match=r"do not fit|not empty"):
            Codebook(np.ones(words, np.float32), np.ones(idf, np.float32), spec)
    with pytest.raises(ValueError, match="finite"):
        Codebook(np.full((1, 128), np.nan, np.float32), np.ones(1, np.float32), spec)


@pytest.mark.parametrize(
    "values", [{"codebook": ""}, {"power": 0}, {"max_features": 0}, {"detector": "surf"}]
)
def test_an_option_out_of_range_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        stage.Options.model_validate({"codebook": "x.npz", **values})
