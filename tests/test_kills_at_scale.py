"""A served gallery in PostgreSQL, through kills of all that takes part; see ``kills``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")
pytest.importorskip("ray", reason="the extra ray is not installed")

from tests.kills import kill_at_random

pytestmark = pytest.mark.slow


def test_clients_are_answered_correctly_or_refused_cleanly_whatever_is_killed(
    tmp_path: Path,
) -> None:
    seed = int(os.environ.get("KILL_SEED", "20"))
    outcome = kill_at_random(tmp_path, kills=8, seed=seed, images=90, note=print)
    print(outcome.document())
    assert outcome.faults == []
    assert len(outcome.kills) >= 8 and outcome.compared > 100 and outcome.checks
