"""Inverted lists, held against counting word by word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.inverted_lists import InvertedLists, Words, most_in_common
from engine.types import Float64Array, IntArray

SIZE = 50


def drawn(random: np.random.Generator, first: int, count: int) -> Words:
    sizes = random.integers(0, 9, count)
    return Words(
        first + 3 * np.arange(count), sizes, random.integers(0, SIZE, int(sizes.sum())) ** 2 % SIZE
    )


def counted(blocks: list[Words], words: IntArray, weights: Float64Array, count: int) -> list[int]:
    """The slow way: a table of images by words."""
    ids = np.concatenate([block.ids for block in blocks])
    sizes = np.concatenate([block.sizes for block in blocks])
    table = np.zeros((len(ids), SIZE))
    flat = np.concatenate([block.words for block in blocks])
    np.add.at(table, (np.repeat(np.arange(len(ids)), sizes), flat), 1)
    having = (table > 0).sum(axis=0)
    rarity = np.log((len(ids) + 1) / np.maximum(having, 1)).astype(np.float32) ** 2.0
    scores = np.sqrt(table)[:, words] @ (weights * rarity[words]) / np.sqrt(np.maximum(sizes, 1))
    order = [at for at in np.lexsort((ids, -scores.astype(np.float32))) if scores[at] > 0]
    return [int(ids[at]) for at in order[:count]]


@pytest.mark.parametrize("seed", range(5))
def test_inverted_lists_find_what_counting_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = [drawn(random, 1, 40), drawn(random, 1000, 1), drawn(random, 2000, 30)]
    words = random.permutation(SIZE)[:20]
    weights = random.uniform(0.5, 2, 20)
    one = [InvertedLists.built(blocks, "v", SIZE)]
    many = [InvertedLists.built([block], "v", SIZE) for block in blocks]
    for count in (1, 7, 100):
        expected = counted(blocks, words, weights, count)
        assert most_in_common(one, words, weights, count) == expected
        assert most_in_common(many, words, weights, count) == expected


def test_lists_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    built = InvertedLists.built([drawn(np.random.default_rng(0), 1, 40)], "v", SIZE)
    built.write(tmp_path / "a.words")
    read = InvertedLists.read(tmp_path / "a.words", whole=True)
    assert (read.vocabulary, len(read)) == ("v", 40)
    for name in ("ids", "sizes", "words", "starts", "images", "counts"):
        np.testing.assert_array_equal(getattr(read, name), getattr(built, name))


@pytest.mark.parametrize("blocks", [[], [Words(np.array([7]), np.array([0]), np.empty(0, int))]])
def test_images_without_keypoints_are_in_no_list(tmp_path: Path, blocks: list[Words]) -> None:
    built = InvertedLists.built(blocks, "v", SIZE)
    built.write(tmp_path / "a.words")
    read = InvertedLists.read(tmp_path / "a.words", whole=True)
    assert most_in_common([read], np.arange(SIZE), np.ones(SIZE), 5) == []
    assert most_in_common([read], np.arange(0), np.ones(0), 5) == []


def test_common_words_are_not_read_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rare, common = 1, 2
    sizes = np.full(100, 1)
    block = Words(np.arange(100), sizes, np.where(np.arange(100) == 42, rare, common))
    lists = [InvertedLists.built([block], "v", SIZE)]
    words = np.array([common, rare])
    assert len(most_in_common(lists, words, np.ones(2), 100)) == 100
    monkeypatch.setattr("engine.inverted_lists.READ", 50)
    assert most_in_common(lists, words, np.ones(2), 100) == [42]


def held_of(block: Words, kept: set[int]) -> Words:
    each = [one for one in block.each() if int(one.ids[0]) in kept]
    parts = [(one.ids, one.sizes, one.words) for one in each]
    ids, sizes, words = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Words(ids, sizes, words)


@pytest.mark.parametrize("seed", range(5))
def test_merged_lists_are_those_of_the_images_that_are_left(seed: int) -> None:
    random = np.random.default_rng(seed)
    old, new = drawn(random, 1, 40), drawn(random, 2, 25)  # ids of each between those of the other
    gone = set(random.permutation(old.ids)[:15].tolist())
    kept = held_of(old, set(old.ids.tolist()) - gone)
    lists = InvertedLists.built([old], "v", SIZE).without({*gone, 10_000, 0})
    other = InvertedLists.built([new], "v", SIZE)
    assert (len(lists), len(other)) == (25, 25)
    every = sorted([*kept.each(), *new.each()], key=lambda one: int(one.ids[0]))
    expected = InvertedLists.built(every, "v", SIZE)
    merged = lists.merged(other)
    for name in ("ids", "sizes", "words", "starts", "images", "counts", "gone"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(expected, name))


def test_what_is_gone_is_not_found() -> None:
    random = np.random.default_rng(0)
    block = drawn(random, 1, 40)
    lists = InvertedLists.built([block], "v", SIZE)
    words, weights = np.arange(SIZE), np.ones(SIZE)
    every = most_in_common([lists], words, weights, 100)
    left = most_in_common([lists.without(every[:5])], words, weights, 100)
    assert sorted(left) == sorted(every[5:])
