"""Printed labels: from a seed alone, readable, and of the given proportions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.packbench.artwork import HEIGHT, LAYOUTS, WIDTH, Sheet, artwork, word


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.2, 5))
def test_any_seed_prints_something_and_leaves_paper_free(seed, aspect):
    cover = artwork(seed, round(aspect, 2))
    assert cover.dtype == np.float32
    assert max(cover.shape) == max(WIDTH, HEIGHT)
    assert 0 <= cover.min() <= cover.max() <= 1
    assert 0.005 < cover.mean() < 0.6


@given(st.sampled_from([0.25, 0.5, 1.0, 1.6, 3.0]))
def test_a_label_has_the_proportions_of_its_paper(aspect):
    height, width = artwork(5, aspect).shape
    assert abs(width / height - aspect) < 0.02 * aspect


def test_equal_seeds_print_equal_labels():
    once = artwork(11, 1.3).copy()
    artwork.cache_clear()
    np.testing.assert_array_equal(once, artwork(11, 1.3))


def test_different_seeds_print_different_labels():
    labels = [artwork(seed) for seed in range(12)]
    apart = [np.abs(a - b).mean() for i, a in enumerate(labels) for b in labels[:i]]
    assert min(apart) > 0.005


def test_a_cached_label_cannot_be_drawn_over():
    assert not artwork(1).flags.writeable


def test_every_layout_keeps_within_narrow_and_wide_labels():
    for layout in LAYOUTS:
        for width, height in ((110, 500), (500, 110)):
            sheet = Sheet(width, height, np.random.default_rng(4))
            layout(sheet)
            ink = np.asarray(sheet.picture)
            assert ink.shape == (height, width)
            assert ink.any()


@given(st.integers(0, 2**31 - 1), st.integers(1, 4))
def test_words_are_letters_and_grow_with_their_syllables(seed, syllables):
    made = word(np.random.default_rng(seed), syllables)
    assert made.isalpha()
    assert 2 * syllables <= len(made) <= 4 * syllables + 1
