"""Where a training run lives: its recipe, history and checkpoint, whole at every moment.

A killed run goes on from its last checkpoint when the same command is given again. A folder that
holds a run of another recipe is refused rather than mixed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from engine.files import replacing

RECIPE = "recipe.json"
HISTORY = "history.jsonl"  # an epoch a line
LOCK = "train.lock"

Value = str | int | float | bool | None | list[str]
Recipe = Mapping[str, Value]


@dataclass(frozen=True)
class RunFolder:
    """An open run. One process at a time: see ``open_run``."""

    path: Path

    def within(self, name: str) -> RunFolder:
        """A run of its own below this one, so that it goes on too where it was killed."""
        folder = self.path / name
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error
        return RunFolder(folder)

    def write(self, name: str, save: Callable[[Path], None]) -> Path:
        """Let ``save`` write a file, which is whole or not there; returns its path."""
        target = self.path / name
        try:
            with replacing(target) as part:
                save(part)
        except OSError as error:
            raise unwritable(target, error) from error
        return target

    def write_text(self, name: str, text: str) -> Path:
        return self.write(name, lambda path: _write_text(path, text))

    def once(self, name: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Values that are measured at a run's first start and read from then on.

        Raises ConfigError for a file that holds none.
        """
        path = self.path / name
        if not path.is_file():
            self.write_text(name, json.dumps(measure()))
        try:
            found: dict[str, float] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: cannot be read ({error}).",
                remedy="Delete it: the same command writes it anew.",
            ) from error
        return found

    def history(self) -> list[dict[str, float]]:
        """The metrics of every epoch that ended, oldest first."""
        path = self.path / HISTORY
        if not path.is_file():
            return []
        try:
            return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{path}: cannot be read ({error}).",
                remedy="Delete it: the same command writes it anew.",
            ) from error

    def record(self, epochs: list[dict[str, float]]) -> None:
        """Replace the history: after a resume the epochs behind the checkpoint never happened."""
        self.write_text(HISTORY, "".join(f"{json.dumps(epoch)}\n" for epoch in epochs))


@contextmanager
def open_run(path: Path, recipe: Recipe) -> Iterator[RunFolder]:
    """Make or go on with the run in a folder.

    Raises ConfigError when another process trains in it, when it holds a run of another recipe
    (names what differs), and when it cannot be written.
    """
    with locked(path / LOCK, "trains in"):
        _same_recipe(path, recipe)
        run = RunFolder(path)
        run.write_text(RECIPE, json.dumps(recipe, indent=1, ensure_ascii=False, sort_keys=True))
        yield run


@contextmanager
def locked(file: Path, doing: str) -> Iterator[None]:
    """Make the lock's folder and hold the lock. ConfigError where another process holds it, which
    is ``doing`` something there ("trains in"), and for a folder that cannot be written."""
    from filelock import FileLock, Timeout

    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=0)
        lock.acquire()
    except Timeout:
        raise ConfigError(
            f"{folder}: another process {doing} this folder.",
            remedy="Wait for it, or choose another --out.",
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _same_recipe(path: Path, recipe: Recipe) -> None:
    try:
        found = json.loads((path / RECIPE).read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path / RECIPE}: not the recipe of a run ({error}).",
            remedy="Choose another --out, or delete that folder.",
        ) from error
    wanted = json.loads(json.dumps(recipe))
    names = sorted({*found, *wanted})
    changed = [name for name in names if found.get(name) != wanted.get(name)]
    if changed:
        pairs = (f"{n}: {found.get(n)!r} there, {wanted.get(n)!r} given" for n in changed)
        raise ConfigError(
            f"{path}: holds a run with another recipe ({'; '.join(pairs)}).",
            remedy="Repeat its settings to go on with it, or choose another --out.",
        )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def unwritable(path: Path, error: OSError) -> ConfigError:
    """Of a command whose --out cannot be written."""
    return ConfigError(
        f"{path}: cannot be written ({error.strerror or error}).",
        remedy="Free some room there, or choose another --out; the same command then goes on.",
    )
