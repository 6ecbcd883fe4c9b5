"""Where a gallery keeps its calibration: one row of the manifest table, which older Packsights
pass over."""

from __future__ import annotations

import sqlite3

from engine.match_calibration import MatchCalibration, read_calibration

KEY = "calibration"
OTHER_ROWS = f"SELECT key, value FROM manifest WHERE key <> '{KEY}'"  # those of the manifest


def load(connection: sqlite3.Connection, where: str) -> MatchCalibration | None:
    """Raises GalleryError for one that cannot be read."""
    sql = "SELECT value FROM manifest WHERE key = ?"
    row = connection.execute(sql, (KEY,)).fetchone()
    return None if row is None else read_calibration(str(row[0]), where)


def store(connection: sqlite3.Connection, calibration: MatchCalibration | None) -> bool:
    """In the place of the one before, None: in its place nothing. Whether there was one."""
    found = connection.execute("DELETE FROM manifest WHERE key = ?", (KEY,)).rowcount
    if calibration is not None:
        row = (KEY, calibration.model_dump_json())
        connection.execute("INSERT INTO manifest VALUES (?, ?)", row)
    return found > 0
