"""A job: a change that was acknowledged, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from engine.galleries._connection import Row
from online.service.changes import Change

State = Literal["queued", "running", "done", "failed"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Job:
    """``place``: in the order of jobs; ``done`` of ``total`` images; ``attempts``: how often it was
    begun; times in seconds since 1970; ``error``: what a client reads of a failure."""

    place: int
    id: str
    change: Change
    state: State
    done: int
    total: int
    error: str
    attempts: int
    created: float
    started: float | None
    finished: float | None

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed")

    def document(self) -> dict[str, object]:
        return {
            "job": self.id,
            "kind": self.change.kind,
            "product": self.change.product or None,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "error": self.error or None,
            "created": _shown(self.created),
            "started": _shown(self.started),
            "finished": _shown(self.finished),
        }


def from_row(row: Row) -> Job:
    return Job(
        row["place"],
        row["id"],
        Change.model_validate_json(row["change"]),
        row["state"],
        row["done"],
        row["total"],
        row["error"],
        row["attempts"],
        row["created"],
        row["started"],
        row["finished"],
    )


def _shown(moment: float | None) -> str | None:
    """ISO 8601, UTC, milliseconds."""
    if moment is None:
        return None
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
