"""What commands show on standard error: a progress bar, and images that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

SHOWN = 20  # faults; the rest is counted


def print_faults(faults: Sequence[str], shown: int = SHOWN) -> None:
    """A line for each of the first ``shown`` faults, and the number of all others."""
    for fault in faults[:shown]:
        print(fault, file=sys.stderr)
    if len(faults) > shown:
        print(f"and {len(faults) - shown} more like these", file=sys.stderr)


@contextmanager
def bar(title: str, *, show: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback of (done, total). Drawn on terminals only; nothing while total is 0."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} images/s")

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not (show and console.is_terminal),
        transient=True,
    ) as progress:
        task = progress.add_task(title, total=None, visible=False)
        yield lambda done, total: progress.update(
            task, completed=done, total=total, visible=total > 0
        )
