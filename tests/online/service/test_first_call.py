"""A sales tool's first call, as the documents have it: a few lines of Python, one of curl."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.online.service.small_service import listening, photo_of

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
SERVICE = (ROOT / "docs" / "service.md").read_text("utf-8")
ADDRESS = "http://localhost:8000"


def test_the_readmes_python_prints_the_hits(
    gallery: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n([^`]*Client\(.*?)```", README, re.S)
    assert len(example.strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(photo_of("jar", 1))
    with listening(gallery) as address:
        exec(compile(example.replace(ADDRESS, address), "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("1 jar/p1 ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_of_the_documents_is_answered(gallery: Path, tmp_path: Path) -> None:
    commands = re.findall(rf"^curl .*{ADDRESS}.*$", README + SERVICE, re.M)
    assert len(commands) >= 5 and f"curl -F photo=@photo.jpg {ADDRESS}/v1/query" in commands
    (tmp_path / "photo.jpg").write_bytes(photo_of("jar", 1))
    with listening(gallery) as address:
        for command in commands:
            told = command.replace(ADDRESS, address).replace('"image": 17', '"image": 1')
            told = told.replace("[40, 60, 400, 620]", "[4, 6, 40, 62]")
            done = subprocess.run(
                told.replace("curl", "curl -sSf", 1),
                shell=True,
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            if "csv" not in command:
                assert json.loads(done.stdout)["hits"]
