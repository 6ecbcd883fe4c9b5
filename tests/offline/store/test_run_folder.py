"""A run's folder: whole at every moment, one process at a time, one recipe."""

import errno
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.store.run_folder import HISTORY, RECIPE, RunFolder, open_run

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"epochs": 2, "start": None, "names": ["a", "ä/b"]}


def test_a_run_goes_on_under_the_same_recipe(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", SETTINGS) as run:
        run.record([{"epoch": 1.0, "loss": 0.5}])
    with open_run(tmp_path / "run", dict(SETTINGS)) as run:
        assert run.history() == [{"epoch": 1.0, "loss": 0.5}]


def test_another_recipe_is_refused_and_what_differs_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path, SETTINGS):
        pass
    before = (tmp_path / RECIPE).read_bytes()
    changed = {**SETTINGS, "epochs": 3, "rate": 0.1}
    with (
        pytest.raises(ConfigError, match=r"epochs: 2 there, 3 given; rate: None there, 0\.1 given"),
        open_run(tmp_path, changed),
    ):
        pass
    assert (tmp_path / RECIPE).read_bytes() == before


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    with open_run(tmp_path, SETTINGS):
        code = (
            "import sys; from pathlib import Path; from engine.errors import ConfigError\n"
            "from offline.store.run_folder import open_run\n"
            "try:\n    open_run(Path(sys.argv[1]), {}).__enter__()\n"
            "except ConfigError as error:\n    print(error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    assert "another process trains" in done.stdout


def test_the_lock_of_a_killed_process_is_gone(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from offline.store.run_folder import open_run
        with open_run(Path(sys.argv[1]), {"epochs": 1}):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    with open_run(tmp_path, {"epochs": 1}) as run:
        assert run.history() == []


def test_a_file_that_could_not_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_text("card.md", "old")

    def fails(path: Path) -> None:
        path.write_text("ne", "utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigError, match=r"card\.md: cannot be written \(No space left"):
        run.write("card.md", fails)
    assert [path.name for path in tmp_path.iterdir()] == ["card.md"]
    assert (tmp_path / "card.md").read_text("utf-8") == "old"


def test_a_folder_that_cannot_be_made_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="cannot be written"), open_run(tmp_path / "file", {}):
        pass


@pytest.mark.parametrize(("name", "fault"), [(RECIPE, "not the recipe"), (HISTORY, "cannot be")])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / name).write_text("{", "utf-8")
    with pytest.raises(ConfigError, match=fault), open_run(tmp_path, {}) as run:
        run.history()


def test_the_recipe_is_text_that_people_read(tmp_path: Path) -> None:
    with open_run(tmp_path, SETTINGS):
        text = (tmp_path / RECIPE).read_text("utf-8")
    assert json.loads(text) == SETTINGS
    assert "ä/b" in text
