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
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_runs_the_demo_and_a_query(packsight: Path, tmp_path: Path) -> None:
    printed = _run([str(packsight), "demo", "--out", "out"], cwd=tmp_path)
    assert printed.count("page: ") == 3
    pages = sorted((tmp_path / "out").glob("*.html"))
    assert len(pages) == 3 and all(page.stat().st_size > 10_000 for page in pages)

    python = packsight.with_name("python")
    where = "from offline.datasets.packbench import demo_queries; print(demo_queries()[0])"
    photo = _run([str(python), "-c", where], cwd=tmp_path).strip()
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
    show = "from stages.trust._fitted import shipped; print(*shipped())"
    printed = _run([str(packsight.with_name("python")), "-c", show], cwd=tmp_path)
    assert {"grabcut", "u2netp"} <= set(printed.split())
