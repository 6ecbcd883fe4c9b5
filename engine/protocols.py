"""The seams: what a segmenter, cutter, embedder, classifier, reranker and gallery must do.

One image is a batch of one. Every method keeps the order of its input, and an image's result
does not depend on what else is in the batch (up to float rounding).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, Self, get_args, runtime_checkable

from engine.adaptation import Adaptation, AdaptationReport
from engine.config import IndexKind
from engine.distances import Metric
from engine.keypoints import Keypoints, TentativeMatch
from engine.manifest import Manifest
from engine.match_calibration import MatchCalibration
from engine.query_statistics import QueryStatistics
from engine.request import Filter
from engine.types import (
    CategoryCounts,
    CategoryScores,
    Contour,
    Cutout,
    Description,
    Embedding,
    Entry,
    FloatArray,
    GivenTable,
    Hit,
    IntArray,
    MaskInDoubt,
    Matte,
    Neighbour,
    Prediction,
    Record,
    RGBImage,
    SkippedFile,
    Source,
    Storage,
)


@runtime_checkable
class Segmenter(Protocol):
    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        """One matte an image, with that image's height and width."""
        ...


@runtime_checkable
class Matting(Protocol):
    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        """A better matte an image: exact at edges and thin parts. An empty one stays empty."""
        ...


@runtime_checkable
class MaskTrust(Protocol):
    @property
    def threshold(self) -> float:
        """A matte of lower trust is not used."""
        ...

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        """(N,) float32 in [0, 1]: the trust in each matte, as ``segmenter`` gave it.

        ``segmenter`` is at hand for a second look, such as at another scale.
        """
        ...

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        """The fallback for an image's ``matte`` that is not trusted, of the same shape: the product
        is cut out by it. Empty for the whole image."""
        ...


@runtime_checkable
class Cutter(Protocol):
    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        """One square cutout an image. An empty matte cuts the whole image."""
        ...


@runtime_checkable
class Embedder(Protocol):
    @property
    def dimension(self) -> int: ...

    @property
    def normalised(self) -> bool:
        """Whether every row has Euclidean length 1."""
        ...

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension) float32."""
        ...


@runtime_checkable
class Viewed(Protocol):
    """An embedder whose vectors hold several descriptors, one after the other."""

    @property
    def views(self) -> Mapping[str, int]:
        """Their names and sizes, in the order of the vector."""
        ...


@runtime_checkable
class Classifier(Protocol):
    @property
    def categories(self) -> tuple[str, ...] | None:
        """All that it can ever predict; None when that depends on the gallery it votes in."""
        ...

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        """One set of scores a cutout. ``embeddings`` is (N, D), aligned with ``cutouts``:
        a classifier that votes among neighbours needs them, and they exist already."""
        ...


class Vocabulary(Protocol):
    """Words of keypoints: descriptors of one word are alike."""

    @property
    def identity(self) -> str:
        """Indexes of words by another vocabulary are out of date."""
        ...

    @property
    def size(self) -> int: ...

    def words(self, keypoints: Keypoints, nearest: int = 1) -> IntArray:
        """(K, nearest) in [0, size): of every keypoint the nearest words, the nearest first."""
        ...


@runtime_checkable
class KeypointMatcher(Protocol):
    """Print as evidence: which places of two images show the same. See ``engine.verification``."""

    @property
    def checked(self) -> int:
        """How many leading hits are compared with a query; 0 for none."""
        ...

    @property
    def least(self) -> int:
        """So many places may agree by chance."""
        ...

    @property
    def weight(self) -> float:
        """How far twice ``least`` places raise a hit."""
        ...

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        """Of each image; within the matte's box where there is a matte."""
        ...

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        """Aligned with the candidates."""
        ...

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        """As of the mirror image, their places left as they were, for ``vocabulary``; none where
        descriptors cannot be mirrored."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """By which large galleries are searched for keypoints."""
        ...


@runtime_checkable
class Reranker(Protocol):
    @property
    def top_n(self) -> int:
        """How many leading hits take part; 0 for none."""
        ...

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        """Permute the first ``top_n`` hits and renumber all ranks from 1; add and drop nothing.

        A contour that may not be trusted (see ``MatteQuality``) moves no hit: where contours
        decide alone or with the score, its hit keeps its place.
        """
        ...


ReportKind = Literal["ingest", "migration"]
REPORTS: tuple[ReportKind, ...] = get_args(ReportKind)


class Neighbours(Protocol):
    """The part of a gallery that a voting classifier needs."""

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
    ) -> list[Neighbour]:
        """The k nearest records of the categories (None: of all), ties by (distance, id).

        Fewer than k when there are fewer; unknown categories are empty ones.
        """
        ...

    def predicted(self, embedding: Embedding, vote: Callable[[], CategoryScores]) -> CategoryScores:
        """By the gallery's category head, to which the vote is a feature; where it has none, the
        vote, which calls ``search``."""
        ...


class Searchable(Protocol):
    """The part of a gallery that a query needs."""

    @property
    def name(self) -> str:
        """What the command line and errors call it: a folder, an address."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the stages that described the images."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """All reads inside see the gallery as it was when the first of them ran."""
        ...

    def search(
        self,
        embedding: Embedding,
        k: int,
        categories: Sequence[str] | None = None,
        *,
        labelled_only: bool = False,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """As of ``Neighbours``, by any metric: a vote needs Euclidean distances, a search not.

        ``embedding`` is as the ``adaptation`` of the same snapshot makes it. ``among``: these ids
        alone are searched.
        """
        ...

    def matching(self, where: Filter, categories: Sequence[str] | None = None) -> IntArray:
        """(n,) ids of the images of the categories (None: of all) that pass, in ascending order."""
        ...

    def adaptation(self) -> Adaptation | None:
        """By which vectors are compared; None: as they were described. GalleryError for one that
        cannot be read."""
        ...

    def records(self, ids: Sequence[int]) -> list[Record]:
        """Aligned with ids, also those that are withdrawn; KeyError names an id that is not
        there."""
        ...

    def image_ids(self, categories: Sequence[str] | None, most: int) -> list[int]:
        """Of the categories (None: of all) in ascending order; the first ``most`` of them."""
        ...

    def keypoints(self, ids: Sequence[int]) -> list[Keypoints]:
        """Aligned with ids, none for an image without; KeyError names an id that is not there."""
        ...

    def sharing_print(
        self,
        query: Keypoints,
        matcher: KeypointMatcher,
        count: int,
        categories: Sequence[str] | None = None,
    ) -> list[int]:
        """The ids of at most ``count`` images whose keypoints have most words of the query's,
        weighted by how rare these are; see ``KeypointMatcher.words``."""
        ...

    def categories(self) -> Mapping[str, int]:
        """Images a category, names in alphabetical order."""
        ...

    def calibration(self) -> MatchCalibration | None:
        """When a hit is a match, as fitted for this gallery; None where it is not calibrated.
        GalleryError for one that cannot be read."""
        ...


class Gallery(Searchable, Protocol):
    """Where descriptions live, open for reading; a context manager that closes it."""

    @property
    def address(self) -> str:
        """By which it is opened; it may hold a password, which its name leaves out."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What the gallery was created with."""
        ...

    def search_by(self, index: IndexKind, threads: int) -> None:
        """How ``search`` finds neighbours from now on, and what ``build_indexes`` derives; before,
        by the index of the manifest's settings on one thread. The same on any number of threads."""
        ...

    def __len__(self) -> int:
        """Images."""
        ...

    def products(self) -> Iterator[tuple[str, str]]:
        """Every product with each of the categories that its images are in."""
        ...

    def count_products(self) -> int: ...

    def storage(self) -> Storage:
        """What it takes."""
        ...

    def category_counts(self) -> CategoryCounts:
        """By where the images' categories are from."""
        ...

    def keypoint_bytes(self, most: int) -> list[int]:
        """The bytes of the keypoints of at most so many images, spread evenly by id; 0 for an
        image without them."""
        ...

    def sources(self) -> Iterator[Source]:
        """Every image without its description, in the order of ids."""
        ...

    def find(
        self,
        *,
        product_id: str | None = None,
        uri: str | None = None,
        sha256: str | None = None,
        withdrawn: bool = False,
    ) -> list[Source]:
        """Images of one product, of one content, or the image at one uri; in the index, or those
        that are withdrawn from it."""
        ...

    def withdrawn(self, after: int = 0, most: int | None = None) -> list[Source]:
        """Images that people excluded: out of the index, and found by their ids. In the order of
        ids, the first ``most`` (None: all) beyond ``after``."""
        ...

    def source(self, identity: int) -> Source | None:
        """An image by its id, withdrawn or not; None where there is none."""
        ...

    def described(self, ids: Sequence[int]) -> list[tuple[Source, Description]]:
        """All that is kept of images, withdrawn or not; aligned with ids, KeyError names one that
        is not there. The scores also have whether the classifier called them unknown."""
        ...

    def ids_after(self, after: int, most: int) -> list[int]:
        """The first ``most`` ids of images beyond ``after``, in ascending order."""
        ...

    def product_ids(self, after: str, most: int, category: str | None = None) -> list[str]:
        """The first ``most`` beyond ``after``, of the category (None: of all), in the order of
        their code points."""
        ...

    def attribute_names(self, most: int = 10_000) -> list[str]:
        """Of at most so many images, spread evenly by id; in alphabetical order."""
        ...

    def attribute_values(
        self, images: int = 5000, values: int = 50, length: int = 100
    ) -> Mapping[str, Mapping[str, int]]:
        """Of at most so many images, spread evenly by id: to every attribute its most frequent
        values of at most ``length`` characters, with their numbers of images; ties by value."""
        ...

    def masks_in_doubt(self, trust: float) -> list[MaskInDoubt]:
        """Of all images those whose masks raise doubts or are trusted less than this, without
        those that people drew, in the order of ids."""
        ...

    def contours(self, ids: Sequence[int]) -> list[Contour]:
        """In the image frame, aligned with ids; KeyError names an id that is not there."""
        ...

    def predictions(self, category: str, most: int) -> list[Prediction]:
        """Of the first ``most`` images whose predicted category is this."""
        ...

    def predicted_categories(self, without: Collection[str]) -> Mapping[str, int]:
        """Images a category whose category was predicted, less these contents (sha256); names in
        alphabetical order."""
        ...

    def has_predictions(self) -> bool:
        """Whether the category of any image was predicted, also where a person gave one since."""
        ...

    def same_content(self, most: int) -> list[tuple[Source, ...]]:
        """Images of one content that are of several products, by their sha256: of at most so many
        contents."""
        ...

    def adaptations(self) -> Mapping[int, AdaptationReport]:
        """All that are kept, by version; the latest comes last."""
        ...

    def kept_adaptation(self, version: int) -> Adaptation:
        """One of ``adaptations``; GalleryError for one that cannot be read."""
        ...

    def last_fit(self) -> AdaptationReport | None:
        """Of the last adaptation that was fitted, also where nothing gained."""
        ...

    def adapting_is_off(self) -> bool:
        """Whether a person decided to compare vectors as they were described."""
        ...

    def adapted_by(self) -> int | None:
        """The version of the adaptation in use."""
        ...

    def query_statistics(self) -> QueryStatistics | None:
        """What was learned from queries of its stages; None: nothing yet."""
        ...

    def learn(self, vectors: FloatArray) -> None:
        """(N, D) of queries, as they were described. Several processes may do so, beside the
        writer; OSError where nothing can be kept."""
        ...

    def forget_queries(self) -> bool:
        """Delete what was learned from queries; whether there was anything."""
        ...

    def skipped(self) -> Mapping[str, SkippedFile]:
        """Files that no image is from and that need not be read again, by uri."""
        ...

    def label_tables(self) -> Mapping[str, GivenTable]:
        """The tables of labels that were given, by the folder they were given for."""
        ...

    def curated_to(self) -> str:
        """A mark of ``Curation.since``: the decisions before it are carried out; "" for none."""
        ...

    def copy_of(self) -> tuple[str, str]:
        """The identity of the gallery that this one was copied from, and a digest of what it held
        when it was whole: "" where it is unfinished. ("", "") where it is no copy."""
        ...

    def lacked(self) -> list[int]:
        """Ids of images that the generation which it was brought up to date with has, and this one
        could not take over: what is brought up to date with this one spares them."""
        ...

    def check(self) -> list[str]:
        """Every inconsistency found, one sentence each; empty when sound."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class WritableGallery(Gallery, Protocol):
    """A gallery with its one writer. What a method has returned from survives a killed process
    and a power cut; GalleryError where it was opened for reading only."""

    def add(
        self,
        entries: Sequence[Entry],
        descriptions: Sequence[Description],
        withdrawn: Collection[str] = (),
        ids: Sequence[int] | None = None,
    ) -> list[int]:
        """Store or replace (same uri) in one transaction; ids aligned with the entries. Contents
        (sha256) that are ``withdrawn`` are kept out of the index. ``ids``: those that the images
        have in another gallery, or generation, and will have here, in place of what has them; such
        an id is never given to another image later."""
        ...

    def searching_as_now(self) -> AbstractContextManager[None]:
        """Searches inside find the images as they are now, however many are added meanwhile: no
        index is derived anew for them."""
        ...

    def amend(self, changes: Mapping[int, Entry]) -> None:
        """Change where images lie and their labels, by id, in one transaction; descriptions stay.

        An entry without a category keeps a predicted one. KeyError for an id that is not there,
        ValueError for a label taken away: the category must be predicted anew.
        """
        ...

    def remove(self, ids: Sequence[int]) -> int:
        """Delete records, withdrawn or not; returns how many there were."""
        ...

    def withdraw(self, ids: Sequence[int]) -> int:
        """Take images out of the index, with their descriptions; how many there were."""
        ...

    def restore(self, ids: Sequence[int]) -> int:
        """Put images that were withdrawn back as they were; how many there were."""
        ...

    def keep_curated_to(self, mark: str) -> None:
        """See ``curated_to``."""
        ...

    def calibrate(self, calibration: MatchCalibration | None) -> bool:
        """Store it, or remove it with None; whether there was one before."""
        ...

    def adapt(self, adaptation: Adaptation) -> int:
        """Keep an adaptation and compare by it from now on; its version.

        Indexes are derived before it is in use, so that no search waits for them or sees a mix.
        """
        ...

    def adapt_by(
        self, version: int | None, fit: AdaptationReport | None = None, *, off: bool = False
    ) -> None:
        """Compare by one that is kept, or with None as images were described; ``fit``: the report
        of a fit that led to it; ``off``: stay so until it is adapted by hand. GalleryError for a
        version that is not there."""
        ...

    def keep_adaptation(self, version: int, adaptation: Adaptation) -> int:
        """Beside those that are kept, under this version, or a later one where it was given
        before; returns it."""
        ...

    def keep_query_statistics(self, statistics: QueryStatistics) -> None:
        """In place of what was learned from queries."""
        ...

    def keep_copy_of(self, identity: str, held: str = "") -> None:
        """See ``copy_of``."""
        ...

    def keep_lacked(self, ids: Sequence[int]) -> None:
        """See ``lacked``; in place of those before."""
        ...

    def keep_skipped(self, files: Sequence[SkippedFile], forget: Sequence[str] = ()) -> None:
        """Remember some and forget others, in one transaction."""
        ...

    def keep_report(self, of: ReportKind, report: str) -> None:
        """Of the last ingest or migration, as JSON. GalleryError where it cannot be kept."""
        ...

    def keep_label_table(self, folder: str, table: GivenTable | None) -> None:
        """In place of the one that was given for the folder before; none with None."""
        ...

    def build_indexes(self, matcher: KeypointMatcher | None = None) -> None:
        """Derive what searches need and is not there, and delete what is out of date; with a
        matcher also what ``sharing_print`` needs, which is else derived at the first search."""
        ...

    def rebuild(self) -> int:
        """Derive all indexes anew; returns how many there are."""
        ...
