"""The plan of a command that takes long, printed before it starts."""

from __future__ import annotations

import os

from offline.prepare.steps import Plan, in_bytes, in_time


def print_plan(plan: Plan) -> None:
    """A row a step, and the sums of what is to be done."""
    rows = [("step", "", "size", "time", "memory", "from")]
    for step in plan.steps:
        about = step.estimate
        to_do = ("to do", in_bytes(about.size), in_time(about.seconds), in_bytes(about.memory))
        state = ("done", "", "", "") if step.name in plan.done else to_do
        rows.append((step.name, *state, step.reads))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    todo = [step.estimate for step in plan.to_do]
    fetched = sum(step.download.megabytes or 0 for step in plan.to_do if step.download) * 2**20
    print(
        f"\n{plan.out}: about {in_bytes(fetched)} to fetch, "
        f"{in_bytes(sum(about.size for about in todo))} to write, "
        f"{in_time(sum(about.seconds for about in todo))} on {os.cpu_count()} cores without a GPU\n"
    )
