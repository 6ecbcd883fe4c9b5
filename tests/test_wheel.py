"""The built wheel, installed into an empty environment outside the repo, does the main job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packsight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that holds the locked base install and the wheel."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python: run through make")
    folder = tmp_path_factory.mktemp("installed")
    clone = folder / "source"  # built from what git tracks, as a release would be
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    _run([str(uv), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(clone)])
    environment = folder / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    python = environment / "bin" / "python"
    install = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
    _run([*install, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt")])
    (wheel,) = folder.glob("*.whl")
    _run([*install, "--no-deps", str(wheel)])
    shutil.rmtree(clone)
    return environment / "bin" / "packsight"


def _run(command: list[str], cwd: Path | None = None) -> str:
    done = _done(command, cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _done(command: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    outside = ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV")
    clean = {k: v for k, v in os.environ.items() if k not in outside}
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)


def test_the_wheel_runs_the_demo_and_a_query(packsight: Path, tmp_path: Path) -> None:
    printed = _run([str(packsight), "demo", "--out", "out"], cwd=tmp_path)
    assert printed.count("page: ") == 3
    pages = sorted((tmp_path / "out").glob("*.html"))
    assert len(pages) == 3 and all(page.stat().st_size > 10_000 for page in pages)

    python = packsight.with_name("python")
    where = "from packsight import open_dataset; print(open_dataset('packbench-tiny').root)"
    data = Path(_run([str(python), "-c", where], cwd=tmp_path).strip())
    photo = str(data / "queries" / "stick" / "stick-f00-p00" / "photo1.jpg")
    answer = _run(
        [str(packsight), "query", photo, "--gallery", "out/gallery", "--json", "-k", "3"],
        cwd=tmp_path,
    )
    assert [hit["rank"] for hit in json.loads(answer)["hits"]] == [1, 2, 3]


def test_the_wheel_carries_profiles_and_catalogue_of_weights(
    packsight: Path, tmp_path: Path
) -> None:
    assert "classic" in _run([str(packsight), "profiles"], cwd=tmp_path)
    assert "u2netp" in _run([str(packsight), "weights", "list"], cwd=tmp_path)


def test_the_wheel_carries_the_trust_files_of_its_segmenters(
    packsight: Path, tmp_path: Path
) -> None:
    show = "from stages.trust._model import shipped; print(*shipped())"
    printed = _run([str(packsight.with_name("python")), "-c", show], cwd=tmp_path)
    assert {"grabcut", "u2netp"} <= set(printed.split())


def test_the_wheel_carries_the_page_with_what_it_loads(packsight: Path, tmp_path: Path) -> None:
    show = (
        "from importlib.resources import files; web = files('online') / 'web'; "
        "print(*(entry.name for place in (web, web / 'vendor') for entry in place.iterdir()))"
    )
    printed = _run([str(packsight.with_name("python")), "-c", show], cwd=tmp_path).split()
    tracked = [path.name for path in (ROOT / "online" / "web").rglob("*.*")]
    assert (
        {"index.html", "app.js", "style.css", "vendor.toml"}
        <= set(tracked)
        == {name for name in printed if "." in name}
    )


@pytest.mark.parametrize("in_the_way", ["engine.py", "weights/__init__.py", "online.py"])
def test_a_module_that_hides_a_package_is_named(
    packsight: Path, tmp_path: Path, in_the_way: str
) -> None:
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).touch()
    (tmp_path / "script.py").write_text("from packsight import ingest, query")
    python = str(packsight.with_name("python"))
    script = ["env", f"PYTHONPATH={tmp_path}", str(packsight), "--version"]
    for command in ([python, "script.py"], [python, "-m", "packsight", "--version"], script):
        done = _done(command, cwd=tmp_path)
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: ") and str(tmp_path / in_the_way) in last
    # The console script does not look into the working folder.
    assert _run([str(packsight), "--version"], cwd=tmp_path).startswith("packsight ")


def test_a_plain_folder_beside_a_script_is_harmless(packsight: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "script.py").write_text("from packsight import WeightsError, ingest, query")
    _run([str(packsight.with_name("python")), "script.py"], cwd=tmp_path)


USER = """
from packsight import Results, open_searcher, query

results: Results = query("photo.jpg", "gallery", k=3)
with open_searcher("gallery") as searcher:
    results = searcher.search("photo.jpg")
reveal_type(results.hits[0].record.product_id)
reveal_type(query)
"""


def test_a_user_of_the_wheel_is_checked_strictly(packsight: Path, tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    python = packsight.with_name("python")
    check = [sys.executable, "-m", "mypy", "--strict", "--no-incremental"]
    shown = _run([*check, "--python-executable", str(python), "user.py"], cwd=tmp_path)
    assert 'Revealed type is "builtins.str"' in shown or 'Revealed type is "str"' in shown
    assert "Any" not in shown and "Results" in shown


def test_an_editable_install_is_its_own(packsight: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
    python = environment / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    install = [str(uv), "pip", "install", "--quiet", "--python", str(python), "--no-deps"]
    _run([*install, "--editable", str(ROOT)])
    program = "import packsight; print(packsight.PacksightError.__module__)"
    assert _run([str(python), "-c", program], cwd=tmp_path) == "engine.errors\n"
