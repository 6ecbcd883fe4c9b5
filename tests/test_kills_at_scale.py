"""A served gallery in PostgreSQL, through kills of all that takes part; see ``kills``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.config import Settings, load
from stages.assemble import assemble
from tests.drawn_catalogue import QUICK, package
from tests.kills import SCHEMA, Asked, Changed, Expected, Hits, histories_of, kill_at_random, png


def test_an_answer_is_of_one_state_at_its_time_or_a_fault() -> None:
    parts = assemble(load(Settings(), flags=QUICK))
    contents = {f"{number}": png(package("jar", number)) for number in range(9)}

    def stored(transaction: str, time: float, numbers: range, operation: str) -> list[Changed]:
        return [
            Changed(7, f"{SCHEMA}_1", "images", operation, f"{number % 3}",
                    {"sha256": f"{number}", "product_id": f"p{number}", "category": "jar"},
                    transaction, time)
            for number in numbers
        ]  # fmt: skip

    rows = [
        *stored("a", 100.0, range(3), "INSERT"),
        *stored("b", 200.0, range(3, 6), "UPDATE"),
        *stored("c", 300.0, range(6, 9), "UPDATE"),
    ]
    histories = histories_of(rows)
    assert histories[0].times == [0.0, 100.0, 200.0, 300.0]
    generation = f"1-{parts.fingerprint[:12]}.0"
    expected = Expected(
        {parts.fingerprint: parts}, {generation: None}, contents, [png(package("jar", 4, 2))]
    )
    first, second = (expected.answer(histories[0], at, generation, 0) for at in (1, 2))

    def fault(start: float, end: float, hits: Hits) -> str | None:
        return expected.fault(Asked(start, end, generation, 0, hits), histories)

    assert fault(150, 151, first) is None and fault(250, 251, second) is None
    assert fault(199, 201, first) is None and fault(199, 201, second) is None
    assert "another moment" in str(fault(250, 251, first))
    assert "another moment" in str(fault(150, 151, second))
    mixed = tuple(sorted((*first[:2], *second[:1]), key=lambda hit: hit[3]))
    assert "mixed" in str(fault(199, 201, mixed))


@pytest.mark.slow
def test_clients_are_answered_correctly_or_refused_cleanly_whatever_is_killed(
    tmp_path: Path,
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    seed = int(os.environ.get("KILL_SEED", "20"))
    outcome = kill_at_random(tmp_path, kills=8, seed=seed, images=90, amid=(2, 3), note=print)
    print(outcome.document())
    assert outcome.faults == []
    assert len(outcome.kills) >= 8 and outcome.compared > 100 and outcome.checks
