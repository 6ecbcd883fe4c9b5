"""What commands show on standard error: progress, and images that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from engine.names import without_controls
from engine.timings import Interval

SHOWN = 20  # faults; the rest is counted
LOGGED = 30.0  # seconds between two lines of progress where there is no terminal


def print_faults(faults: Sequence[str], shown: int = SHOWN) -> None:
    """A line for each of the first ``shown`` faults, and the number of all others."""
    for fault in faults[:shown]:
        print(without_controls(fault), file=sys.stderr)
    if len(faults) > shown:
        print(f"and {len(faults) - shown} more like these", file=sys.stderr)


@contextmanager
def bar(title: str, *, show: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback of (done, total); nothing is shown while total is 0.

    Drawn on a terminal; elsewhere, as in a log, a line from time to time.
    """
    if not (show and sys.stderr.isatty()):
        yield _logged(title) if show else lambda done, total: None
        return
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

    # The stream of ``packsight._streams`` would show what is drawn as escapes.
    console = Console(file=getattr(sys.stderr, "as_found", sys.stderr))
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task(title, total=None, visible=False)
        yield lambda done, total: progress.update(
            task, completed=done, total=total, visible=total > 0
        )


def _logged(title: str) -> Callable[[int, int], None]:
    interval = Interval(LOGGED)

    def line(done: int, total: int) -> None:
        if total > 0 and interval.is_over():
            print(f"{title}: {done} of {total}", file=sys.stderr, flush=True)

    return line
