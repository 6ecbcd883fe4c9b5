"""docs/scale.md as a new user follows it: its SQL and commands, in order, on a new server."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from packsight.cli import main
from tests.drawn_catalogue import QUICK_FLAGS, package, save
from tests.postgres_server import USER, PostgresServer, postgres_server, run

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BLOCKS = re.compile(r"^```(sql|sh)\n(.*?)^```", re.M | re.S)
WHERE = re.compile(r"-- (the administrator|packsight_reader), in the database (\w+)\n")
PROGRAMS = ("pg_dump", "pg_restore", "createdb")
QUICK = ["--profile", "classic", *QUICK_FLAGS, "--quiet"]


@pytest.mark.slow
def test_every_step_of_the_page_on_scale_works_on_a_new_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        for view in range(2):
            file = tmp_path / "CATALOGUE" / "jar" / f"p{number}" / f"{view}.png"
            save(file, package("jar", number, view))
    monkeypatch.chdir(tmp_path)
    with postgres_server() as server:
        for kind, block in BLOCKS.findall(PAGE.read_text("utf-8")):
            if kind == "sql":
                _execute(server, block)
                continue
            for line in re.sub(r"\\\n\s*", " ", block).splitlines():
                _run(server, tmp_path, shlex.split(line, comments=True))
        shown = server.execute("SELECT count(*) FROM packsight_1.images", "restored")
        assert shown == "8"
        graphs = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'"
        assert int(server.execute(graphs, "catalogue")) > 0
    out, err = capfd.readouterr()
    assert out.count("jar/p0") >= 4  # a hit of every query
    assert out.count("sound, 8 images") == 2
    assert any((tmp_path / "FOLDER").rglob("*.faiss"))
    assert "Traceback" not in err


def _execute(server: PostgresServer, block: str) -> None:
    found = WHERE.match(block)
    assert found is not None, block
    user = USER if found[1] == "the administrator" else found[1]
    statements = re.sub(r"--.*", "", block[found.end() :]).split(";")
    given = [word for one in filter(str.strip, statements) for word in ("-c", one)]
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *_to(server, user), "-d", found[2], *given)


def _run(server: PostgresServer, folder: Path, words: list[str]) -> None:
    here = f"127.0.0.1:{server.port}"
    words = [word.replace("HOST2", here).replace("HOST", here) for word in words]
    if words[0] == "packsight":
        photo = str(folder / "CATALOGUE" / "jar" / "p0" / "0.png")
        words = [photo if word == "PHOTO" else word for word in words[1:]]
        words += QUICK if words[0] == "ingest" else []
        assert main(words) == 0, words
    elif words[0] in PROGRAMS:
        dump = str(server.folder / "catalogue.dump")  # where the server's user may write
        rest = [dump if word == "catalogue.dump" else word for word in words[1:]]
        run(words[0], *_to(server, USER), *rest)
    else:
        assert words[0] == "pip", words


def _to(server: PostgresServer, user: str) -> list[str]:
    return ["-h", "127.0.0.1", "-p", str(server.port), "-U", user]
