"""Which images have which words: inverted lists of keypoints, in a file that is mapped.

Sivic and Zisserman, "Video Google", ICCV 2003. The square root of a count: Jégou, Douze, Schmid,
"On the Burstiness of Visual Elements", CVPR 2009.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.files import replacing
from engine.keypoints import Keypoints
from engine.protocols import Vocabulary
from engine.types import Float64Array, FloatArray, IntArray

UInt32Array = npt.NDArray[np.uint32]
UInt8Array = npt.NDArray[np.uint8]

VERSION = 1
MOST_COUNTED = 255  # of one word in one image
# Postings that a query reads at most, rare words first: a bound on its time. Common words say
# least.
READ = 4_000_000
ASSIGNED = 8  # words of a keypoint of a query
_LENGTH = 8  # bytes of the length of the header, and what arrays are aligned to


def inverse_document_frequency(counts: IntArray, images: int) -> FloatArray:
    """(K,): log(N / n_k), n_k of the N images having the word; one for a word that none has."""
    return np.log(images / np.maximum(counts, 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Words:
    """The words of some images' keypoints: ``words`` (M,), the first ``sizes[0]`` of them of image
    ``ids[0]``, and so on."""

    ids: IntArray
    sizes: IntArray
    words: IntArray

    def each(self) -> Iterator[Words]:
        """One for each image."""
        parts = np.split(self.words, np.cumsum(self.sizes)[:-1])
        for at, words in enumerate(parts):
            yield Words(self.ids[at : at + 1], self.sizes[at : at + 1], words)


def words_of(ids: Sequence[int], keypoints: Sequence[Keypoints], vocabulary: Vocabulary) -> Words:
    """Of images and their keypoints."""
    found = [vocabulary.words(one)[:, 0] for one in keypoints if len(one)]
    sizes = np.array([len(one) for one in keypoints], np.int64)
    return Words(np.array(ids, np.int64), sizes, np.concatenate([np.empty(0, np.int64), *found]))


def query_words(query: Keypoints, vocabulary: Vocabulary) -> tuple[IntArray, Float64Array]:
    """Distinct words (M,) and how much each counts: every keypoint has its nearest ``ASSIGNED``,
    since that of a catalogue image may lie beyond a border."""
    each = vocabulary.words(query, ASSIGNED)
    counted = np.broadcast_to(1 / np.arange(1, ASSIGNED + 1), each.shape)
    words, of = np.unique(each, return_inverse=True)
    return words, np.sqrt(np.bincount(of.reshape(-1), counted.reshape(-1), len(words)))


@dataclass(frozen=True, eq=False)
class InvertedLists:
    """By word, the images that have it.

    ``ids`` ascend; ``sizes``: keypoints of each image. ``words`` ascend: those that any image has;
    the images of ``words[k]`` are ``images[starts[k] : starts[k + 1]]``, as places in ``ids``, and
    ``counts`` how often each has it. ``vocabulary``: the identity of the words. ``gone``: places
    of images that are no more, which nothing finds; until the lists are merged they count in how
    common a word is.
    """

    vocabulary: str
    ids: IntArray  # (N,)
    sizes: IntArray  # (N,)
    words: IntArray  # (K,)
    starts: IntArray  # (K + 1,)
    images: UInt32Array  # (P,)
    counts: UInt8Array  # (P,)
    gone: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.ids) - len(self.gone)

    @classmethod
    def built(cls, blocks: Iterable[Words], vocabulary: str, size: int) -> InvertedLists:
        """Of blocks in the order of ids; ``size``: of the vocabulary. Holds 9 bytes a keypoint,
        and one block."""
        ids, sizes, kept = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
        totals = np.zeros(size + 1, np.int64)
        for block in blocks:
            words, images, counts = _postings(block, size, first=sum(map(len, ids)))
            totals[1:] += np.bincount(words, minlength=size)
            kept.append((words, images, counts))
            ids.append(block.ids)
            sizes.append(block.sizes)
        starts = np.cumsum(totals)
        free = starts[:-1].copy()  # by word, the place of its next image
        every_image = np.empty(starts[-1], np.uint32)
        every_count = np.empty(starts[-1], np.uint8)
        for words, images, counts in kept:
            same = np.concatenate([[0], np.cumsum(np.bincount(words, minlength=size))])
            places = free[words] + np.arange(len(words)) - same[words]
            every_image[places], every_count[places] = images, counts
            free += np.diff(same)
        present = np.flatnonzero(totals[1:])
        return cls(
            vocabulary,
            np.concatenate(ids),
            np.concatenate(sizes),
            present,
            starts[np.append(present, size)],
            every_image,
            every_count,
        )

    def without(self, ids: Collection[int]) -> InvertedLists:
        """As if these images, known or not, were not there."""
        wanted = np.array(sorted(ids), np.int64)
        places = np.searchsorted(self.ids, wanted)
        places = np.minimum(places, max(0, len(self.ids) - 1))
        return replace(
            self, gone=places[self.ids[places] == wanted] if len(self.ids) else places[:0]
        )

    def merged(self, other: InvertedLists) -> InvertedLists:
        """One of both, which have no image in common, without those that are gone; of one
        vocabulary."""
        ids = np.concatenate([self.ids, other.ids])
        order = np.argsort(ids, kind="stable")
        places = np.empty(len(ids), np.int64)  # by place here, the one in the order of ids
        held = np.ones(len(ids), bool)
        held[self.gone] = held[len(self.ids) + other.gone] = False
        places[order] = np.cumsum(held[order]) - 1
        images = np.concatenate([self.images.astype(np.int64), len(self.ids) + other.images])
        kept = np.flatnonzero(held[images])
        images = places[images[kept]]
        words = np.concatenate([one._word_of_each() for one in (self, other)])[kept]
        by_word = np.lexsort((images, words))
        present, starts = np.unique(words[by_word], return_index=True)
        order = order[held[order]]
        return InvertedLists(
            self.vocabulary,
            ids[order],
            np.concatenate([self.sizes, other.sizes])[order],
            present,
            np.append(starts, len(words)),
            images[by_word].astype(np.uint32),
            np.concatenate([self.counts, other.counts])[kept][by_word],
        )

    def _word_of_each(self) -> IntArray:
        return np.repeat(self.words, np.diff(self.starts))  # (P,)

    def write(self, path: Path) -> None:
        """OSError where the file cannot be written; one that stands there is whole."""
        arrays = [np.ascontiguousarray(array) for array in self._arrays()]
        checksum = 0
        for array in arrays:
            checksum = zlib.crc32(array.data, checksum)
        facts = {
            "version": VERSION,
            "vocabulary": self.vocabulary,
            "images": len(self.ids),
            "words": len(self.words),
            "postings": len(self.images),
            "checksum": checksum,
        }
        header = json.dumps(facts).encode()
        with replacing(path) as part, part.open("wb") as file:
            file.write(len(header).to_bytes(_LENGTH, "little"))
            file.write(header + b" " * (-len(header) % _LENGTH))
            for array in arrays:
                file.write(array.data)

    @classmethod
    def read(cls, path: Path, *, whole: bool = False) -> InvertedLists:
        """Mapped. ValueError for a damaged file or another version; ``whole``: also where any bit
        of it changed, for which all of it is read. OSError where there is none."""
        mapped = np.asarray(np.memmap(path, np.uint8, mode="r"))
        length = int.from_bytes(mapped[:_LENGTH].tobytes(), "little")
        if length > len(mapped):
            raise ValueError("it has no header")
        start = _LENGTH + length + -length % _LENGTH
        try:
            facts = json.loads(mapped[_LENGTH : _LENGTH + length].tobytes())
            if facts["version"] != VERSION:
                raise ValueError(f"it has version {facts['version']}")
            sizes = [int(facts[name]) for name in ("images", "words", "postings", "checksum")]
            vocabulary = str(facts["vocabulary"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"its header is damaged ({error})") from error
        images, words, postings, checksum = sizes
        layout = (
            (np.int64, images),
            (np.int64, images),
            (np.int64, words),
            (np.int64, words + 1),
            (np.uint32, postings),
            (np.uint8, postings),
        )
        stop = start + sum(np.dtype(kind).itemsize * count for kind, count in layout)
        if min(sizes) < 0 or stop != len(mapped):
            raise ValueError(f"it has {len(mapped)} bytes, not {stop}")
        if whole and zlib.crc32(mapped[start:].data) != checksum:
            raise ValueError("its content changed")
        arrays: list[Any] = []
        for kind, count in layout:
            bytes_ = np.dtype(kind).itemsize * count
            arrays.append(mapped[start : start + bytes_].view(kind))
            start += bytes_
        found = cls(vocabulary, *arrays)
        if np.any(np.diff(found.starts) < 0) or found.starts[0] or found.starts[-1] != postings:
            raise ValueError("its lists do not follow each other")
        return found

    def ranges(self, words: IntArray) -> tuple[IntArray, IntArray]:
        """(K,) words to the starts and lengths of their lists; 0 long where no image has one."""
        if not len(self.words):
            return np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
        at = np.minimum(np.searchsorted(self.words, words), len(self.words) - 1)
        starts = self.starts[at]
        return starts, np.where(self.words[at] == words, self.starts[at + 1] - starts, 0)

    def scores(self, starts: IntArray, lengths: IntArray, weights: Float64Array) -> Float64Array:
        """(N,): by image, the sum of the weights of these lists, each times the root of how often
        the image has the word. ValueError for a damaged list."""
        before = np.cumsum(lengths) - lengths
        places = np.repeat(starts - before, lengths) + np.arange(lengths.sum())
        images = self.images[places]
        if len(images) and int(images.max()) >= len(self.ids):
            raise ValueError("it lists an image that it does not have")
        each = np.repeat(weights, lengths) * ROOTS[self.counts[places]]
        found = np.bincount(images, each, minlength=len(self.ids))
        found[self.gone] = 0
        return found / np.sqrt(np.maximum(self.sizes, 1))

    def _arrays(self) -> Iterator[npt.NDArray[np.generic]]:
        yield from (self.ids, self.sizes, self.words, self.starts, self.images, self.counts)


ROOTS = np.sqrt(np.arange(MOST_COUNTED + 1))


def most_in_common(
    lists: Sequence[InvertedLists], words: IntArray, weights: Float64Array, count: int
) -> list[int]:
    """The ids of the ``count`` images that have most of these words, most first, ties by id.

    ``words`` (M,) distinct, ``weights`` (M,): how much each counts. A word counts for an image by
    the square of its inverse document frequency over all lists, and an image with many keypoints
    for less. Images without any of the words are left out. ValueError for damaged lists.
    """
    total = sum(map(len, lists))
    found = [one.ranges(words) for one in lists]
    having = sum((lengths for _, lengths in found), np.zeros(len(words), np.int64))
    order = np.argsort(having, kind="stable")
    read = order[np.cumsum(having[order]) <= READ]
    read = read[having[read] > 0]
    weighted = weights[read] * inverse_document_frequency(having[read], total + 1) ** 2.0
    ids, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for one, (starts, lengths) in zip(lists, found, strict=True):
        # Equal sums of other terms may differ by a rounding.
        of_image = one.scores(starts[read], lengths[read], weighted).astype(np.float32)
        best = np.flatnonzero(of_image)
        if len(best) > count:
            edge = np.partition(of_image[best], -count)[-count]
            best = best[of_image[best] >= edge]
        ids.append(np.asarray(one.ids[best]))
        scores.append(of_image[best])
    every, score = np.concatenate(ids), np.concatenate(scores)
    ranked: list[int] = every[np.lexsort((every, -score))][:count].tolist()
    return ranked


def _postings(block: Words, size: int, first: int) -> tuple[IntArray, UInt32Array, UInt8Array]:
    """(word, image, count) of a block, by word and then by image; ``first``: the place of its
    first image."""
    images = np.repeat(np.arange(len(block.ids)), block.sizes)
    keys, counts = np.unique(block.words * len(block.ids) + images, return_counts=True)
    words, images = np.divmod(keys, max(1, len(block.ids)))
    return (
        words,
        (images + first).astype(np.uint32),
        np.minimum(counts, MOST_COUNTED).astype(np.uint8),
    )
