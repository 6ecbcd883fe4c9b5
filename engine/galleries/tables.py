"""A gallery in the tables of a database: what its homes share, whichever database that is."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, Self

from engine.adaptation import Adaptation, AdaptationReport
from engine.config import IndexKind
from engine.distances import Metric
from engine.errors import DamageError, GalleryError
from engine.galleries import _filters, _rows
from engine.galleries._connection import IDS, Connection, Row
from engine.galleries._shards import Shard, read_shards
from engine.galleries._word_indexes import WordIndexes
from engine.galleries._writing import Writing
from engine.keypoints import Keypoints
from engine.manifest import Manifest
from engine.match_calibration import MatchCalibration
from engine.protocols import KeypointMatcher
from engine.request import Filter
from engine.types import (
    UNCATEGORISED,
    CategoryCounts,
    Contour,
    Description,
    Embedding,
    Entry,
    GivenTable,
    IntArray,
    MaskInDoubt,
    Neighbour,
    Prediction,
    Record,
    SkippedFile,
    Source,
)

KEPT_ADAPTATIONS = 5  # beside the one in use older ones are deleted


class Indexes(Protocol):
    """How the nearest are found."""

    def search(
        self,
        connection: Connection,
        shards: Sequence[Shard],
        embedding: Embedding,
        k: int,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """The k nearest of these shards, ties by (distance, id); ``among``: of these ids alone."""
        ...

    def search_by(self, kind: IndexKind, threads: int) -> None: ...

    def adaptation(self, connection: Connection, version: int | None) -> Adaptation | None:
        """GalleryError for one that cannot be read."""
        ...


class TableGallery:
    """The methods of a gallery over a ``_connection`` that its home opens: see ``Gallery`` and
    ``WritableGallery``. Methods may be called from several threads, one at a time."""

    manifest: Manifest
    _connection: Connection  # inside ``_reading`` and ``_writing`` alone
    _indexes: Indexes
    _words: WordIndexes
    _guard: threading.RLock

    @classmethod
    def open(
        cls, address: str | Path, *, write: bool = False, generation: str | None = None
    ) -> Self:
        raise NotImplementedError

    @classmethod
    def create(cls, address: str | Path, manifest: Manifest) -> Self:
        raise NotImplementedError

    @classmethod
    def exists(cls, address: str | Path) -> bool:
        raise NotImplementedError

    @property
    def name(self) -> str:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def build_indexes(self, matcher: KeypointMatcher | None = None) -> None:
        raise NotImplementedError

    def _reading(self) -> AbstractContextManager[None]:
        """One read transaction, joined if one is open already."""
        raise NotImplementedError

    def _writing(self) -> AbstractContextManager[Writing]:
        """One write transaction: all of it is acknowledged by COMMIT, or none of it happened."""
        raise NotImplementedError

    def _derive(self, version: int | None) -> None:
        """What is searched by this adaptation, before it is in use."""
        raise NotImplementedError

    def _indexes_of(self, manifest: Manifest) -> Indexes:
        raise NotImplementedError

    def _tidy(self, matcher: KeypointMatcher | None = None) -> None:
        """What this process derived for its searches, where no writer does so."""

    @classmethod
    def open_or_create(
        cls, address: str | Path, manifest: Manifest, *, generation: str | None = None
    ) -> Self:
        """Open for writing if it was described alike (else FingerprintError), or create."""
        if generation is None and not cls.exists(address):
            return cls.create(address, manifest)
        gallery = cls.open(address, write=True, generation=generation)
        try:
            # Nothing was described yet that could be at odds.
            if not len(gallery) and not gallery.withdrawn(most=1):
                gallery._renew(manifest)
            gallery.manifest.require(manifest.fingerprint, gallery.name)
        except BaseException:
            gallery.close()
            raise
        return gallery

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def fingerprint(self) -> str:
        return self.manifest.fingerprint

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see the gallery as it was when the first of them ran."""
        with self._reading():
            yield

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
        """The k nearest records, ties by (distance, id); exact but by graphs."""
        wanted = None if categories is None else set(categories)
        with self._reading():
            adaptation = self.adaptation()
            dimension = self.manifest.dimension if adaptation is None else adaptation.dimension
            if embedding.dimension != dimension:
                raise GalleryError(
                    f"{self.name}: holds vectors of {dimension} numbers, "
                    f"the query has {embedding.dimension}."
                )
            shards = [
                shard
                for shard in self._searched_shards()
                if (wanted is None or shard.category in wanted)
                and (shard.labelled or not labelled_only)
            ]
            connection = self._searched_connection
            found = self._indexes.search(connection, shards, embedding, k, metric, among)
            self._tidy()
            return found

    def search_by(self, index: IndexKind, threads: int) -> None:
        """From now on; see ``Gallery``."""
        with self._guard:
            self._indexes.search_by(index, threads)

    def records(self, ids: Sequence[int]) -> list[Record]:
        """Records with their descriptions, aligned with ids; KeyError names a missing id."""
        wanted = json.dumps([int(identity) for identity in ids])
        with self._reading():
            rows = self._select(f"{_rows.RECORDS} WHERE images.id IN {IDS}", wanted)
            rows += self._withdrawn_beside(rows, ids)
        by_id = {row["id"]: _rows.sound_record(row, self.name) for row in rows}
        return [by_id[identity] for identity in ids]

    def described(self, ids: Sequence[int]) -> list[tuple[Source, Description]]:
        """All that is kept of images, aligned with ids; KeyError names a missing id."""
        wanted = json.dumps([int(identity) for identity in ids])
        with self._reading():
            rows = self._select(f"{_rows.RECORDS} WHERE images.id IN {IDS}", wanted)
            rows += self._withdrawn_beside(rows, ids)
        by_id = {row["id"]: _rows.sound_description(row, self.name) for row in rows}
        return [by_id[identity] for identity in ids]

    def image_ids(self, categories: Sequence[str] | None, most: int) -> list[int]:
        """In ascending order, ``most`` of them where there are more."""
        if categories is None:
            return [row[0] for row in self._select("SELECT id FROM images LIMIT ?", most)]
        wanted = json.dumps(list(categories))
        sql = "SELECT id FROM images WHERE category IN (SELECT value FROM json_each(?)) LIMIT ?"
        return sorted(row[0] for row in self._select(sql, wanted, most))

    def matching(self, where: Filter, categories: Sequence[str] | None = None) -> IntArray:
        """In time that grows with what passes each condition; every image of the categories is
        looked at where attributes are not kept as rows: in galleries of before, until they are
        written to."""
        with self._reading():
            return _filters.matching(self._connection, where, categories, self.categories())

    def keypoints(self, ids: Sequence[int]) -> list[Keypoints]:
        """Aligned with ids, none for an image without; KeyError names a missing id."""
        wanted = json.dumps([int(identity) for identity in ids])
        with self._reading():
            rows = self._select(
                "SELECT id, uri, keypoints FROM images JOIN descriptions USING (id) "
                f"WHERE images.id IN {IDS}",
                wanted,
            )
            rows += self._withdrawn_beside(rows, ids)
        by_id = {row["id"]: _rows.sound_keypoints(row, self.name) for row in rows}
        return [by_id[identity] for identity in ids]

    def sharing_print(
        self,
        query: Keypoints,
        matcher: KeypointMatcher,
        count: int,
        categories: Sequence[str] | None = None,
    ) -> list[int]:
        """Ties by id; by an index a shard, derived where it is not there."""
        wanted = None if categories is None else set(categories)
        with self._reading():
            shards = [one for one in self._shards() if wanted is None or one.category in wanted]
            found = self._words.search(self._connection, shards, query, matcher.vocabulary, count)
            self._tidy(matcher)
            return found

    def sources(self) -> Iterator[Source]:
        """Every image without its description, in the order of ids."""
        yield from map(_rows.source, self._select("SELECT * FROM images ORDER BY id"))

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
        column, value = ("product_id", product_id) if uri is None else ("uri", uri)
        if sha256 is not None:
            column, value = "sha256", sha256
        if withdrawn:
            rows = self._withdrawn(f"{column} = ? ORDER BY id", value)
        else:
            rows = self._select(f"SELECT * FROM images WHERE {column} = ? ORDER BY id", value)
        return [_rows.source(row) for row in rows]

    def withdrawn(self, after: int = 0, most: int | None = None) -> list[Source]:
        """In the order of ids, from the one behind ``after`` on; None: all."""
        limit = sys.maxsize if most is None else most
        rows = self._withdrawn("id > ? ORDER BY id LIMIT ?", after, limit)
        return [_rows.source(row) for row in rows]

    def source(self, identity: int) -> Source | None:
        """An image by its id, withdrawn or not; None where there is none."""
        with self._reading():
            rows = self._select("SELECT * FROM images WHERE id = ?", identity)
            rows += self._withdrawn_beside(rows, [identity])
        return _rows.source(rows[0]) if rows else None

    def masks_in_doubt(self, trust: float) -> list[MaskInDoubt]:
        """By an index alone, where the gallery has been written to since there is one."""
        with self._reading():
            known = "trust" if self._has_column("descriptions", "trust") else "NULL"
            found = " AND mask IS NULL" if self._has_column("images", "mask") else ""
            rows = self._select(
                f"SELECT id, sha256, {known} AS trust, quality FROM descriptions "
                f"CROSS JOIN images USING (id) WHERE (quality NOT IN {_rows.WITHOUT_DOUBT} "
                f"OR {known} < ?){found} ORDER BY id",
                trust,
            )
        return [_rows.mask_in_doubt(row) for row in rows]

    def contours(self, ids: Sequence[int]) -> list[Contour]:
        """In the image frame, aligned with ids; KeyError names a missing id."""
        with self._reading():
            rows = self._select(
                "SELECT id, contour, contour_area FROM images JOIN descriptions USING (id) "
                f"WHERE images.id IN {IDS}",
                json.dumps([int(identity) for identity in ids]),
            )
            rows += self._withdrawn_beside(rows, ids)
        by_id = {row["id"]: _rows.contour(row) for row in rows}
        return [by_id[identity] for identity in ids]

    def predictions(self, category: str, most: int) -> list[Prediction]:
        """Of the first ``most`` images whose predicted category is this."""
        rows = self._select(
            "SELECT id, sha256, score_names, score_values "
            "FROM images JOIN descriptions USING (id) WHERE category = ? AND labelled = 0 LIMIT ?",
            category,
            most,
        )
        return [Prediction(row["id"], row["sha256"], _rows.scores(row)) for row in rows]

    def predicted_categories(self, without: Collection[str]) -> Mapping[str, int]:
        """Images a category whose category was predicted, less these contents."""
        rows = self._select(
            "SELECT category, count(*) FROM images WHERE labelled = 0 "
            "AND sha256 NOT IN (SELECT value FROM json_each(?)) GROUP BY category ORDER BY 1",
            json.dumps(sorted(without)),
        )
        return {str(name): int(count) for name, count in rows}

    def has_predictions(self) -> bool:
        """All images are looked at where there are none."""
        with self._reading():
            given = " OR overruled = ''" if self._has_column("images", "overruled") else ""
            sql = f"SELECT EXISTS (SELECT 1 FROM images WHERE labelled = 0{given})"
            return bool(self._select(sql)[0][0])

    def same_content(self, most: int) -> list[tuple[Source, ...]]:
        """By the index of contents, in which all of them are looked at."""
        with self._reading():
            contents = self._select(
                "SELECT sha256 FROM images GROUP BY sha256 HAVING count(*) > 1 "
                "AND count(DISTINCT product_id) > 1 ORDER BY sha256 LIMIT ?",
                most,
            )
            sql = "SELECT * FROM images WHERE sha256 = ? ORDER BY id"
            return [tuple(map(_rows.source, self._select(sql, one[0]))) for one in contents]

    def ids_after(self, after: int, most: int) -> list[int]:
        """The first ``most`` ids of images beyond ``after``, in ascending order."""
        sql = "SELECT id FROM images WHERE id > ? ORDER BY id LIMIT ?"
        return [int(identity) for (identity,) in self._select(sql, after, most)]

    def product_ids(self, after: str, most: int, category: str | None = None) -> list[str]:
        """The first ``most`` beyond ``after``, in the order of their code points."""
        rows = self._select(
            "SELECT DISTINCT product_id FROM images WHERE product_id > ? "
            "AND (CAST(?2 AS TEXT) IS NULL OR category = ?2) ORDER BY product_id LIMIT ?3",
            after,
            category,
            most,
        )
        return [str(product) for (product,) in rows]

    def attribute_names(self, most: int = 10_000) -> list[str]:
        """Of at most so many images, spread evenly by id; in alphabetical order."""
        rows = self._select(
            f"SELECT DISTINCT key FROM images, json_each(attributes) WHERE images.id IN {IDS}",
            json.dumps(self._spread("images", most)),
        )
        return sorted(str(name) for (name,) in rows)

    def attribute_values(
        self, images: int = 5000, values: int = 50, length: int = 100
    ) -> Mapping[str, Mapping[str, int]]:
        """Of at most so many images, spread evenly by id: to every attribute its most frequent
        values of at most ``length`` characters, with their numbers of images; ties by value."""
        rows = self._select(
            "SELECT key, value, count(*) FROM images, json_each(attributes) "
            f"WHERE images.id IN {IDS} AND length(value) <= ? GROUP BY key, value",
            json.dumps(self._spread("images", images)),
            length,
        )
        found: dict[str, dict[str, int]] = {}
        for name, count, value in sorted((str(k), -int(n), str(v)) for k, v, n in rows):
            frequent = found.setdefault(name, {})
            if len(frequent) < values:
                frequent[value] = -count
        return found

    def categories(self) -> Mapping[str, int]:
        """Images a category, in alphabetical order."""
        counts = Counter[str]()
        for shard, images in self._counted():
            counts[shard.category] += images
        return dict(sorted(counts.items()))

    def products(self) -> Iterator[tuple[str, str]]:
        """Every product with each of the categories that its images are in."""
        rows = self._select("SELECT DISTINCT product_id, category FROM images ORDER BY 1, 2")
        yield from ((str(product), str(category)) for product, category in rows)

    def count_products(self) -> int:
        ((count,),) = self._select("SELECT count(DISTINCT product_id) FROM images")
        return int(count)

    def category_counts(self) -> CategoryCounts:
        """By where the images' categories are from; no image's row is read."""
        with self._reading():
            counted = self._counted()
            unknown = 0  # it was not kept in older galleries
            if self._has_column("images", "unknown"):
                ((unknown,),) = self._select("SELECT count(*) FROM images WHERE unknown = 1")
        labelled = sum(images for shard, images in counted if shard.labelled)
        predicted = [(shard.category, images) for shard, images in counted if not shard.labelled]
        uncategorised = dict(predicted).get(UNCATEGORISED, 0)
        known = sum(images for _, images in predicted) - uncategorised
        return CategoryCounts(labelled, known, unknown, uncategorised)

    def _counted(self) -> list[tuple[Shard, int]]:
        """Shards with the number of their images; galleries of before are counted row by row."""
        with self._reading():
            shards = self._shards()
            if all(shard.images is not None for shard in shards):
                return [(shard, shard.images or 0) for shard in shards]
            rows = self._select(
                "SELECT category, labelled, count(*) FROM images GROUP BY category, labelled"
            )
        return [(Shard(name, bool(labelled), ""), count) for name, labelled, count in rows]

    def keypoint_bytes(self, most: int) -> list[int]:
        """Of at most so many images, spread evenly by id: a million are not read."""
        with self._reading():
            if not self._has_column("descriptions", "keypoints"):
                return [0] * min(most, len(self))
            ids = json.dumps(self._spread("descriptions", most))
            rows = self._select(
                f"SELECT length(keypoints) FROM descriptions WHERE id IN {IDS} ORDER BY id",
                ids,
            )
        return [size or 0 for (size,) in rows]

    def _spread(self, table: str, most: int) -> list[int]:
        """Ids of at most so many rows, evenly apart; some may not be there."""
        ((first, last),) = self._select(f"SELECT min(id), max(id) FROM {table}")
        if first is None or most == 0:
            return []
        return list(range(first, last + 1, -((first - last - 1) // most)))

    def __len__(self) -> int:
        return sum(images for _, images in self._counted())

    def calibration(self) -> MatchCalibration | None:
        """As it was stored; None where it is not calibrated. GalleryError for a damaged one."""
        with self._reading():
            return _rows.load_calibration(self._connection, self.name)

    def calibrate(self, calibration: MatchCalibration | None) -> bool:
        """Store it, or remove it with None, in one durable transaction; whether there was one."""
        with self._writing():
            return _rows.store_calibration(self._connection, calibration)

    def adaptation(self) -> Adaptation | None:
        """By which vectors are compared; None: as they were described."""
        with self._reading():
            return self._indexes.adaptation(self._connection, self.adapted_by())

    def adapted_by(self) -> int | None:
        """The version of the adaptation in use."""
        with self._reading():
            return _rows.adapted_by(self._connection)

    def adaptations(self) -> Mapping[int, AdaptationReport]:
        """All that are kept, by version; the latest comes last."""
        with self._reading():
            if not self._has_table("adaptations"):
                return {}
            return _rows.load_adaptation_reports(self._connection, self.name)

    def kept_adaptation(self, version: int) -> Adaptation:
        """GalleryError for one that is not there or cannot be read."""
        with self._reading():
            return _rows.load_adaptation(self._connection, version, self.name)

    def keep_adaptation(self, version: int, adaptation: Adaptation) -> int:
        """Under this version, or a later one where it was given before; returns it."""
        with self._writing():
            while (given := _rows.store_adaptation(self._connection, adaptation)) < version:
                self._connection.execute("DELETE FROM adaptations WHERE version = ?", (given,))
            return given

    def adapt(self, adaptation: Adaptation) -> int:
        """Keep an adaptation and compare by it from now on; its version."""
        if len(adaptation.catalogue_mean) != self.manifest.dimension:
            raise GalleryError(
                f"{self.name}: holds vectors of {self.manifest.dimension} numbers, the "
                f"adaptation is for {len(adaptation.catalogue_mean)}."
            )
        kept = self._kept_as(adaptation)
        if kept is not None:
            self.adapt_by(kept, adaptation.report)
            return kept
        with self._writing():
            version = _rows.store_adaptation(self._connection, adaptation)
        self.adapt_by(version, adaptation.report)
        return version

    def last_fit(self) -> AdaptationReport | None:
        """Of the last adaptation that was fitted, also where nothing gained."""
        with self._reading():
            return _rows.load_last_fit(self._connection)

    def adapting_is_off(self) -> bool:
        """Whether a person decided to compare vectors as they were described."""
        with self._reading():
            return _rows.adapting_is_off(self._connection)

    def adapt_by(
        self, version: int | None, fit: AdaptationReport | None = None, *, off: bool = False
    ) -> None:
        """Compare by one that is kept, or with None as images were described; ``fit``: the report
        of a fit that led to it; ``off``: stay so until it is adapted by hand."""
        self._switch(version, fit, off=off)
        self.build_indexes()

    def _switch(self, version: int | None, fit: AdaptationReport | None, *, off: bool) -> None:
        kept = self._versions()
        if version is not None and version not in kept:
            raise GalleryError(
                f"{self.name}: has no adaptation {version}.",
                remedy=f"It has: {', '.join(map(str, kept)) or 'none'}.",
            )
        # Derived before it is in use: no search waits for an index, and none sees a mix.
        self._derive(version)
        with self._writing():
            _rows.adapt_by(self._connection, version, off=off)
            if fit is not None:
                _rows.store_last_fit(self._connection, fit)
            for old in [one for one in kept if one != version][:-KEPT_ADAPTATIONS]:
                self._connection.execute("DELETE FROM adaptations WHERE version = ?", (old,))

    def _kept_as(self, adaptation: Adaptation) -> int | None:
        """The version that compares alike, if one is kept."""
        with self._reading():
            for version in self._versions():
                # One that cannot be read is no reason to do without a new one.
                with contextlib.suppress(DamageError):
                    kept = _rows.load_adaptation(self._connection, version, self.name)
                    if (kept.identity, kept.photos) == (adaptation.identity, adaptation.photos):
                        return version
        return None

    def _versions(self) -> list[int]:
        """Of all adaptations that are kept, the latest last."""
        return [row[0] for row in self._select("SELECT version FROM adaptations ORDER BY version")]

    def _has_column(self, table: str, name: str) -> bool:
        with self._reading():
            return name in self._connection.columns(table)

    def _has_table(self, name: str) -> bool:
        """Galleries of before lack some until they are written to."""
        with self._reading():
            return bool(self._connection.columns(name))

    def skipped(self) -> Mapping[str, SkippedFile]:
        """Files that no image is from and that need not be read again, by uri."""
        with self._reading():
            present = self._has_table("skipped_files")
            rows = self._select("SELECT * FROM skipped_files") if present else []
        return {row["uri"]: _rows.skipped_file(row) for row in rows}

    def keep_skipped(self, files: Sequence[SkippedFile], forget: Sequence[str] = ()) -> None:
        """Remember some and forget others, in one transaction."""
        with self._writing():
            for uri in forget:
                self._connection.execute("DELETE FROM skipped_files WHERE uri = ?", (uri,))
            for file in files:
                row = _rows.skipped_row(file)
                sql = f"INSERT INTO skipped_files {_rows.columns_and_values(row)}"
                changed = _rows.assignments(row, "excluded.")
                self._connection.execute(f"{sql} ON CONFLICT (uri) DO UPDATE SET {changed}", row)

    def label_tables(self) -> Mapping[str, GivenTable]:
        """The tables of labels that were given, by the folder they were given for."""
        with self._reading():
            return _rows.load_label_tables(self._connection, self.name)

    def keep_label_table(self, folder: str, table: GivenTable | None) -> None:
        """In place of the one that was given for the folder before; none with None."""
        with self._writing():
            tables = dict(_rows.load_label_tables(self._connection, self.name))
            tables.pop(folder, None)
            if table is not None:
                tables[folder] = table
            _rows.store_label_tables(self._connection, tables)

    def add(
        self,
        entries: Sequence[Entry],
        descriptions: Sequence[Description],
        withdrawn: Collection[str] = (),
        ids: Sequence[int] | None = None,
    ) -> list[int]:
        """Store new images and replace those whose uri is known, in one durable transaction;
        contents that are ``withdrawn`` stay out of the index."""
        with self._writing() as writing:
            for entry, description in zip(entries, descriptions, strict=True):
                self._require_dimension(entry, description)
            ids = writing.put_all(entries, descriptions, ids)
            for identity, entry in zip(ids, entries, strict=True):
                if entry.sha256 in withdrawn:
                    writing.withdraw(identity)
            return ids

    def amend(self, changes: Mapping[int, Entry]) -> None:
        """Change where images lie and their labels; their descriptions stay.

        An entry without a category keeps a predicted one. KeyError for an id that is not there,
        ValueError for a label taken away: the category must be predicted anew.
        """
        with self._writing() as writing:
            for identity, entry in changes.items():
                writing.amend(identity, entry)

    def remove(self, ids: Sequence[int]) -> int:
        """Delete records; returns how many there were."""
        with self._writing() as writing:
            return sum(writing.delete(int(identity)) for identity in ids)

    def withdraw(self, ids: Sequence[int]) -> int:
        """Out of the index: found by their ids alone from now on. How many there were."""
        with self._writing() as writing:
            return sum(writing.withdraw(int(identity)) for identity in ids)

    def restore(self, ids: Sequence[int]) -> int:
        """Back into the index as they were; how many there were."""
        with self._writing() as writing:
            return sum(writing.restore(int(identity)) for identity in ids)

    def curated_to(self) -> str:
        """Behind which decisions of ``Curation.since`` were not carried out yet."""
        with self._reading():
            return _rows.curated_to(self._connection)

    def keep_curated_to(self, mark: str) -> None:
        with self._writing():
            _rows.store_curated_to(self._connection, mark)

    def copy_of(self) -> tuple[str, str]:
        """The identity of the gallery that this one was copied from, and what it held then."""
        with self._reading():
            return _rows.copy_of(self._connection)

    def keep_copy_of(self, identity: str, held: str = "") -> None:
        with self._writing():
            _rows.store_copy_of(self._connection, identity, held)

    def lacked(self) -> list[int]:
        """Ids of images that another generation has, and this one not yet; see ``Gallery``."""
        with self._reading():
            return _rows.lacked(self._connection)

    def keep_lacked(self, ids: Sequence[int]) -> None:
        with self._writing():
            _rows.store_lacked(self._connection, ids)

    def rebuild(self) -> int:
        """Drop every index and derive all anew; returns how many there are now."""
        with self._writing() as writing:
            for shard in self._shards():
                writing.forget(shard.category, shard.labelled)
            # Also what a damaged list of shards has forgotten.
            present = self._select("SELECT DISTINCT category, labelled FROM images")
            for category, labelled in present:
                writing.forget(str(category), bool(labelled))
            if self._has_table(_filters.ATTRIBUTES):
                for statement in _filters.deriving(self._connection.longest):
                    self._connection.execute(statement)
        self.build_indexes()
        with self._reading():
            return len(self._shards())

    def _renew(self, manifest: Manifest) -> None:
        """Describe by other parts from now on; only while the gallery is empty."""
        with self._writing():
            _rows.store_manifest(self._connection, manifest.to_rows())
            _rows.adapt_by(self._connection, None)
            self._connection.execute("DELETE FROM adaptations")
        self.manifest = manifest
        self._indexes = self._indexes_of(manifest)

    def _withdrawn(self, condition: str, *values: object) -> list[Row]:
        """Images and descriptions in one, as ``_rows.RECORDS`` gives those in the index."""
        with self._reading():
            if not self._has_table("withdrawn"):
                return []
            return self._select(f"SELECT * FROM withdrawn WHERE {condition}", *values)

    def _withdrawn_beside(self, rows: Sequence[Row], ids: Sequence[int]) -> list[Row]:
        """What the rows by these ids lack."""
        missing = {int(identity) for identity in ids} - {row["id"] for row in rows}
        if not missing:
            return []
        return self._withdrawn(f"id IN {IDS}", json.dumps(list(missing)))

    def _select(self, sql: str, *values: object) -> list[Row]:
        with self._reading():
            return self._connection.execute(sql, values).fetchall()

    def _shards(self) -> list[Shard]:
        return read_shards(self._connection)

    def _searched_shards(self) -> list[Shard]:
        return self._shards()

    @property
    def _searched_connection(self) -> Connection:
        """That sees these shards as they are searched."""
        return self._connection

    def _require_dimension(self, entry: Entry, description: Description) -> None:
        if description.embedding.dimension != self.manifest.dimension:
            raise GalleryError(
                f"{self.name}: {entry.uri} has a vector of {description.embedding.dimension} "
                f"numbers, the gallery holds {self.manifest.dimension}."
            )
