"""The names of ``packsight``, and what happens where another module hides one of its packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import packsight
from packsight._shadowing import PACKAGES

ROOT = Path(__file__).parents[2]


def python(
    *arguments: str | Path, cwd: Path, path: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_every_name_is_there_and_listed() -> None:
    assert sorted(packsight.__all__) == packsight.__all__
    assert set(packsight.__all__) == {*packsight._MODULES, "__version__"}
    assert set(packsight.__all__) <= set(dir(packsight))
    assert all(getattr(packsight, name) is not None for name in packsight.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'ingset'"):
        packsight.ingset  # noqa: B018


def test_every_error_of_the_engine_is_public() -> None:
    from engine import errors

    public = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert public <= set(packsight.__all__)


def test_importing_it_loads_no_other_module(tmp_path: Path) -> None:
    program = (
        "import sys; before = set(sys.modules); import packsight; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = python("-c", program, cwd=tmp_path).stdout.split()
    ours = {name for name in loaded if name.partition(".")[0] in ("packsight", *PACKAGES)}
    assert ours == {"packsight", "packsight._shadowing", "engine"}
    assert not {"pathlib", "typing", "importlib.util"} & set(loaded)


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    done = python("-m", "packsight", "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"packsight {packsight.__version__}\n")


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_that_hides_a_package_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('it must not run')")
    script = tmp_path / "script.py"
    script.write_text("from packsight import query")
    line = last_line(python(script, cwd=tmp_path.parent))
    assert line.startswith("ImportError: ")
    assert str(tmp_path / f"{name}.py") in line and "Rename it" in line


def test_a_package_that_hides_one_is_named_by_the_command_too(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "__init__.py").touch()
    line = last_line(python("-m", "packsight", "--version", cwd=tmp_path))
    assert str(tmp_path / "weights" / "__init__.py") in line


def test_a_plain_folder_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    done = python("-c", "from packsight import WeightsError, query", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_module_that_was_imported_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "engine.py").touch()
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import engine; import packsight"
    line = last_line(python("-c", program, cwd=tmp_path.parent))
    assert str(tmp_path / "engine.py") in line and "imported" in line


def test_a_folder_that_comes_onto_the_path_later_is_found(tmp_path: Path) -> None:
    (tmp_path / "stages.py").touch()
    program = (
        f"import sys, packsight; sys.path.insert(0, {str(tmp_path)!r}); packsight.open_searcher"
    )
    line = last_line(python("-c", program, cwd=tmp_path.parent))
    assert line.startswith("ImportError: ") and str(tmp_path / "stages.py") in line


def test_a_link_to_the_source_is_the_source(tmp_path: Path) -> None:
    """As an editable install may reach it by another path."""
    (tmp_path / "linked").symlink_to(ROOT)
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'linked')!r}); import weights\n"
    done = python("-c", program + "import packsight; packsight.query", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    program = f"import sys, weights; sys.path.insert(0, {str(tmp_path / 'linked')!r})\n"
    done = python("-c", program + "import packsight; packsight.query", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_that_is_missing_asks_for_an_install(tmp_path: Path) -> None:
    for name in ("packsight", *PACKAGES[1:]):
        (tmp_path / name).symlink_to(ROOT / name)
    line = last_line(python("-S", "-c", "import packsight", cwd=tmp_path, path=tmp_path))
    assert "engine" in line and "nstall" in line
