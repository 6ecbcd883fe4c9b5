"""Rows of the database to values and back."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from shlex import quote

import numpy as np

from engine.adaptation import (
    ROLE,
    Adaptation,
    AdaptationReport,
    Domain,
    PrintWeight,
    domain_of,
)
from engine.category_head import read_head
from engine.errors import DamageError
from engine.fusion import Fusion
from engine.galleries._connection import Connection, Row
from engine.keypoints import Keypoints
from engine.match_calibration import MatchCalibration, read_calibration
from engine.protocols import REPORTS, ReportKind
from engine.types import (
    CONTOUR_SIDE,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Entry,
    FloatArray,
    GivenTable,
    MaskInDoubt,
    MatteQuality,
    Record,
    SkippedFile,
    Source,
)

# These are rows of the manifest table, one each, which older Packsights pass over.
_CALIBRATION = "calibration"
_LABEL_TABLES = "label_tables"
_ADAPTED_BY = "adapted_by"
_LAST_FIT = "last_fit"
_ADAPTING_OFF = "adapting_off"
_CURATED_TO = "curated_to"
GRAPHS = "graphs"
EXPLORED = 400  # where it was not measured with the graphs
_REPORTS = {of: f"last_{of}" for of in REPORTS}
_COPY_OF = "copy_of"
_LACKED = "lacked"
_APART = (
    _CALIBRATION,
    _LABEL_TABLES,
    _ADAPTED_BY,
    _LAST_FIT,
    _ADAPTING_OFF,
    _CURATED_TO,
    *_REPORTS.values(),
    GRAPHS,
    _COPY_OF,
    _LACKED,
)
MANIFEST = f"SELECT key, value FROM manifest WHERE key NOT IN {_APART}"

# Whole records, read by the names of columns: older galleries lack some, newer ones have more. An
# image that lost its description comes with NULLs.
RECORDS = "SELECT * FROM images LEFT JOIN descriptions USING (id)"


_CONTOUR_BYTES = CONTOUR_SIDE**2 // 8
_RAW = -zlib.MAX_WBITS  # deflate without a header

# As ``description_row`` writes the quality of masks that raise no doubt.
WITHOUT_DOUBT = ("[]", '["own_alpha"]')


def columns_and_values(row: Mapping[str, object]) -> str:
    """``(column, ...) VALUES (:column, ...)``."""
    return f"({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"


def assignments(row: Mapping[str, object], source: str = ":") -> str:
    """``column = :column, ...`` of every column but the id."""
    return ", ".join(f"{name} = {source}{name}" for name in row if name != "id")


def image_row(entry: Entry, category: str) -> dict[str, object]:
    """Of the table images, without the id."""
    return {
        "uri": entry.uri,
        "sha256": entry.sha256,
        "size": entry.size,
        "mtime_ns": entry.mtime_ns,
        "product_id": entry.product_id,
        "category": category,
        "labelled": int(entry.category is not None),
        "attributes": json.dumps(dict(entry.attributes), ensure_ascii=False, sort_keys=True),
        "ctime_ns": entry.ctime_ns,
        "inode": None if entry.inode is None else _signed(entry.inode),
        "overruled": entry.overruled,
    }


def source(row: Row) -> Source:
    """From a row of images; what it lacks that came later is None."""
    values = dict(row)
    inode = values.get("inode")
    return Source(
        id=row["id"],
        uri=row["uri"],
        sha256=row["sha256"],
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        product_id=row["product_id"],
        category=row["category"],
        labelled=bool(row["labelled"]),
        attributes=json.loads(row["attributes"]),
        ctime_ns=values.get("ctime_ns"),
        inode=None if inode is None else _unsigned(inode),
        mask=values.get("mask"),
        overruled=values.get("overruled"),
    )


def description_row(described: Description) -> dict[str, object]:
    """Of the table descriptions, without the id."""
    keypoints = described.keypoints
    return {
        **score_columns(described.scores),
        "embedding": described.embedding.vector.astype("<f4").tobytes(),
        "contour": _contour_blob(described.contour),
        "contour_area": described.contour.area,
        "aligned": _contour_blob(described.aligned),
        "aligned_area": described.aligned.area,
        "quality": json.dumps(described.quality.flags),
        "trust": described.trust,
        "keypoints": None if keypoints is None else keypoints.as_stored().to_bytes(),
    }


def description(row: Row) -> Description:
    """From a row of descriptions; what it lacks that came later is None."""
    values = dict(row)
    return Description(
        scores=scores(row),
        embedding=Embedding(_floats(values["embedding"])),
        contour=contour(row),
        aligned=_contour(values["aligned"], values["aligned_area"]),
        quality=_quality(values["quality"]),
        trust=values.get("trust"),
        keypoints=None if (stored := values.get("keypoints")) is None else _keypoints(stored),
    )


def adapted_vectors(rows: Sequence[Row], adaptation: Adaptation) -> FloatArray:
    """(N, D) of rows with embedding and attributes."""
    vectors = np.stack([_floats(row["embedding"]) for row in rows])
    return adaptation.adapted(vectors, [domain(row["attributes"]) for row in rows])


def domain(attributes: str) -> Domain:
    """As ``domain_of``, of attributes as ``image_row`` writes them. Few have a role: the others
    are not parsed."""
    return domain_of(json.loads(attributes)) if f'"{ROLE}"' in attributes else "catalogue"


def scores(row: Row) -> CategoryScores:
    return CategoryScores(_names(row["score_names"]), _floats(row["score_values"]))


def contour(row: Row) -> Contour:
    return _contour(row["contour"], row["contour_area"])


def mask_in_doubt(row: Row) -> MaskInDoubt:
    return MaskInDoubt(row["id"], row["sha256"], row["trust"], _quality(row["quality"]).doubts)


def score_columns(scores: CategoryScores) -> dict[str, object]:
    return {
        "score_names": json.dumps(scores.names, ensure_ascii=False),
        "score_values": scores.probabilities.astype("<f4").tobytes(),
    }


def record(row: Row) -> Record:
    """From a row of ``RECORDS``."""
    return Record(
        id=row["id"],
        sha256=row["sha256"],
        product_id=row["product_id"],
        category=row["category"],
        labelled=bool(row["labelled"]),
        uri=row["uri"],
        attributes=json.loads(row["attributes"]),
        description=description(row),
    )


def sound_record(row: Row, where: str) -> Record:
    """As ``record``; DamageError, naming the gallery and the image, for a damaged row."""
    try:
        return record(row)
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(row, where, error) from error


def sound_description(row: Row, where: str) -> tuple[Source, Description]:
    """As ``sound_record``, with whether the classifier called the scores unknown."""
    try:
        described = description(row)
        unknown = bool(dict(row).get("unknown"))
        scores = replace(described.scores, unknown=unknown)
        return source(row), replace(described, scores=scores)
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(row, where, error) from error


def _damaged(row: Row, where: str, error: Exception) -> DamageError:
    return DamageError(
        f"{where}: image {row['id']} ({row['uri']}) is damaged ({error}).",
        remedy=f"List all damage with: packsight gallery check {quote(where)}",
    )


def sound_keypoints(row: Row, where: str) -> Keypoints:
    """Of a row with id, uri and keypoints; none where they are NULL. DamageError as of
    ``sound_record``."""
    try:
        stored = row["keypoints"]
        return Keypoints.none() if stored is None else _keypoints(stored)
    except ValueError as error:
        raise _damaged(row, where, error) from error


def store_manifest(connection: Connection, rows: Sequence[tuple[str, str]]) -> None:
    """In place of those of the same keys."""
    for row in rows:
        connection.execute(
            "INSERT INTO manifest (key, value) VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            row,
        )


def store_graphs(connection: Connection, measured: tuple[float, int] | None) -> None:
    """The fraction that graphs find of the nearest, and the candidates that are kept for it; None:
    there are no graphs."""
    connection.execute("DELETE FROM manifest WHERE key = ?", (GRAPHS,))
    if measured is not None:
        store_manifest(connection, [(GRAPHS, json.dumps(measured))])


def load_graphs(connection: Connection) -> tuple[float, int] | None:
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (GRAPHS,)).fetchone()
    if row is None:
        return None
    found = json.loads(row[0])
    return (found[0], found[1]) if isinstance(found, list) else (float(found), EXPLORED)


def store_report(connection: Connection, of: ReportKind, report: str) -> None:
    store_manifest(connection, [(_REPORTS[of], report)])


def load_calibration(connection: Connection, where: str) -> MatchCalibration | None:
    """None where the gallery is not calibrated; GalleryError for one that cannot be read."""
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (_CALIBRATION,)).fetchone()
    return None if row is None else read_calibration(str(row[0]), where)


def store_calibration(connection: Connection, calibration: MatchCalibration | None) -> bool:
    """In place of the one before; None deletes it. Returns whether there was one."""
    sql = "DELETE FROM manifest WHERE key = ?"
    was_calibrated = connection.execute(sql, (_CALIBRATION,)).rowcount > 0
    if calibration is not None:
        row = (_CALIBRATION, calibration.model_dump_json())
        store_manifest(connection, [row])
    return was_calibrated


def load_label_tables(connection: Connection, where: str) -> dict[str, GivenTable]:
    """By the folder that each was given for; GalleryError where they cannot be read."""
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (_LABEL_TABLES,)).fetchone()
    try:
        tables = {} if row is None else json.loads(row[0])
        return {folder: GivenTable(**table) for folder, table in tables.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DamageError(f"{where}: its list of label tables is damaged ({error}).") from error


def store_label_tables(connection: Connection, tables: Mapping[str, GivenTable]) -> None:
    plain = json.dumps({folder: vars(table) for folder, table in tables.items()})
    store_manifest(connection, [(_LABEL_TABLES, plain)])


def curated_to(connection: Connection) -> str:
    """A mark of ``Curation.since``; "" before the first."""
    row = connection.execute("SELECT value FROM manifest WHERE key = ?", (_CURATED_TO,)).fetchone()
    return "" if row is None else str(row[0])


def store_curated_to(connection: Connection, mark: str) -> None:
    store_manifest(connection, [(_CURATED_TO, mark)])


def copy_of(connection: Connection) -> tuple[str, str]:
    """See ``Gallery.copy_of``."""
    row = connection.execute("SELECT value FROM manifest WHERE key = ?", (_COPY_OF,)).fetchone()
    identity, _, held = ("" if row is None else str(row[0])).partition("\n")
    return identity, held


def store_copy_of(connection: Connection, identity: str, held: str) -> None:
    store_manifest(connection, [(_COPY_OF, f"{identity}\n{held}")])


def lacked(connection: Connection) -> list[int]:
    """Ids of images that another generation has."""
    row = connection.execute("SELECT value FROM manifest WHERE key = ?", (_LACKED,)).fetchone()
    return [] if row is None else [int(identity) for identity in json.loads(row[0])]


def store_lacked(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute("DELETE FROM manifest WHERE key = ?", (_LACKED,))
    if ids:
        store_manifest(connection, [(_LACKED, json.dumps(list(ids)))])


def adapted_by(connection: Connection) -> int | None:
    """The version of the adaptation in use."""
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (_ADAPTED_BY,)).fetchone()
    return None if row is None else int(row[0])


def adapting_is_off(connection: Connection) -> bool:
    sql = "SELECT 1 FROM manifest WHERE key = ?"
    return connection.execute(sql, (_ADAPTING_OFF,)).fetchone() is not None


def adapt_by(connection: Connection, version: int | None, *, off: bool = False) -> None:
    sql = "DELETE FROM manifest WHERE key IN (?, ?)"
    connection.execute(sql, (_ADAPTED_BY, _ADAPTING_OFF))
    if off:
        store_manifest(connection, [(_ADAPTING_OFF, "1")])
    if version is not None:
        store_manifest(connection, [(_ADAPTED_BY, str(version))])


def store_last_fit(connection: Connection, report: AdaptationReport) -> None:
    store_manifest(connection, [(_LAST_FIT, report.model_dump_json())])


def load_last_fit(connection: Connection) -> AdaptationReport | None:
    """None also for one that cannot be read: it only decides when the next fit is due."""
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (_LAST_FIT,)).fetchone()
    try:
        return None if row is None else AdaptationReport.model_validate_json(row[0])
    except ValueError:
        return None


def store_adaptation(connection: Connection, adaptation: Adaptation) -> int:
    """Its version; none is ever used again."""
    projection, scale = adaptation.projection, adaptation.scale
    weight = adaptation.print_weight
    row = {
        "catalogue_mean": _blob(adaptation.catalogue_mean),
        "photo_mean": _blob(adaptation.photo_mean),
        "projection": None if projection is None else _blob(projection),
        "report": adaptation.report.model_dump_json(),
        "scale": None if scale is None else _blob(scale),
        "head": None if adaptation.head is None else adaptation.head.text(),
        "photos": json.dumps(sorted(adaptation.photos)) if adaptation.photos else None,
        "fusion": None if adaptation.fusion is None else adaptation.fusion.model_dump_json(),
        "print_weight": None if weight is None else weight.model_dump_json(),
    }
    sql = f"INSERT INTO adaptations {columns_and_values(row)} RETURNING version"
    return int(connection.execute(sql, row).fetchone()[0])


def load_adaptation(connection: Connection, version: int, where: str) -> Adaptation:
    """GalleryError for one that is not there or cannot be read."""
    sql = "SELECT * FROM adaptations WHERE version = ?"
    row = connection.execute(sql, (version,)).fetchone()
    try:
        if row is None:
            raise ValueError("it is not there")
        mean, photos = _floats(row["catalogue_mean"]), _floats(row["photo_mean"])
        kept = None if row["projection"] is None else _floats(row["projection"])
        projection = None if kept is None else kept.reshape(len(mean), -1)
        report = AdaptationReport.model_validate_json(row["report"])
        # An older gallery that is only read lacks the columns of later parts.
        later = {name: row[name] for name in row.keys() if row[name] is not None}  # noqa: SIM118
        scale = _floats(later["scale"]) if "scale" in later else None
        seen = frozenset(map(str, json.loads(later.get("photos", "[]"))))
        head = read_head(later["head"]) if "head" in later else None
        fusion = Fusion.model_validate_json(later["fusion"]) if "fusion" in later else None
        taught = later.get("print_weight")
        weight = None if taught is None else PrintWeight.model_validate_json(taught)
        return Adaptation(mean, photos, projection, report, scale, seen, head, fusion, weight)
    except (ValueError, TypeError) as error:
        raise DamageError(
            f"{where}: adaptation {version} is damaged ({error}).",
            remedy=f"Go without it with: packsight adapt {quote(where)} --off",
        ) from error


def load_adaptation_reports(connection: Connection, where: str) -> dict[int, AdaptationReport]:
    """By version, the latest last; GalleryError where one cannot be read."""
    rows = connection.execute("SELECT version, report FROM adaptations ORDER BY version")
    try:
        return {row[0]: AdaptationReport.model_validate_json(row[1]) for row in rows}
    except ValueError as error:
        raise DamageError(
            f"{where}: the report of an adaptation is damaged ({error}).",
            remedy=f"Adapt it anew with: packsight adapt {quote(where)}",
        ) from error


def skipped_row(file: SkippedFile) -> dict[str, object]:
    return {**vars(file), "inode": _signed(file.inode)}


def skipped_file(row: Row) -> SkippedFile:
    return SkippedFile(**{**dict(row), "inode": _unsigned(row["inode"])})


def _signed(inode: int) -> int:
    """Inodes have 64 bits without a sign, integers of SQLite 64 with one."""
    return inode - 2**64 if inode >= 2**63 else inode


def _unsigned(inode: int) -> int:
    return inode % 2**64


def _blob(array: FloatArray) -> bytes:
    return array.astype("<f4").tobytes()


def _floats(blob: object) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if not isinstance(blob, bytes):
        raise ValueError("expected a blob of floats")
    return np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=True)


@lru_cache(256)  # few differ, and a query reads those of 40 images
def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(256)
def _quality(text: str) -> MatteQuality:
    return MatteQuality.from_flags(json.loads(text))


def _keypoints(blob: object) -> Keypoints:
    if not isinstance(blob, bytes):
        raise ValueError("expected a blob of keypoints")
    return Keypoints.from_bytes(blob)


def _contour_blob(contour: Contour) -> bytes:
    """Deflated, where that is smaller: some 180 bytes of a package's 2,048."""
    bits = contour.packed.tobytes()
    return min(bits, zlib.compress(bits, wbits=_RAW), key=len)


def _contour(blob: object, area: object) -> Contour:
    if not isinstance(blob, bytes):
        raise ValueError("expected a blob of bits")
    if not isinstance(area, int):
        raise ValueError("expected an area")
    if len(blob) != _CONTOUR_BYTES:  # galleries of before have bits alone
        try:
            inflate = zlib.decompressobj(wbits=_RAW)
            blob = inflate.decompress(blob, _CONTOUR_BYTES + 1)
        except zlib.error as error:
            raise ValueError(f"its bits cannot be inflated: {error}") from error
    return Contour(np.frombuffer(blob, np.uint8).copy(), CONTOUR_SIDE, area)
