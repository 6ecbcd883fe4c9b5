"""The `packsight` command itself: its names, its help, its speed, its output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine import __version__
from engine.galleries import open_gallery
from packsight.cli import COMMANDS, main
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; from packsight.cli import entry; sys.argv[0] = 'packsight'; entry()"
HEAVY = {"numpy", "cv2", "PIL", "onnxruntime", "faiss", "pydantic", "rich", "jinja2", "sqlite3"}


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown and command.summary in shown for name, command in COMMANDS.items())


def test_nothing_and_nonsense_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: packsight COMMAND" in capsys.readouterr().err
    assert main(["qeury", "a.jpg"]) == 2
    assert "unknown command 'qeury'. Valid: ingest, query, gallery" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "help_of"),
    [
        (["evaluate", "all", "--data", "x", "--protocoll", "y"], "packsight evaluate all --help"),
        (["gallery", "info", "x", "--alle"], "packsight gallery info --help"),
        (["query", "x.jpg", "--gallery", "g", "--pages"], "packsight query --help"),
    ],
)
def test_an_unknown_flag_says_where_the_known_ones_are(
    given: list[str], help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 2
    assert help_of in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"packsight {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name: str) -> None:
    program = (
        "import sys\nfrom packsight.cli import main\n"
        f"try: main(['{name}', '--help'])\n"
        f"except SystemExit as end: print(end.code, sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: packsight {name}")
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_catalogue(folder / "catalogue", products=3)
    arguments = ["ingest", str(folder / "catalogue"), "--gallery", str(folder / "gallery")]
    assert main([*arguments, *QUICK_FLAGS, "--workers", "1", "--quiet"]) == 0
    return folder / "gallery"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 1, 3))


def test_a_query_shows_the_product_first(
    gallery: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", str(photo), "--gallery", str(gallery), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("searched: jar")
    (first,) = [line for line in lines if line.startswith("   1  ")]
    assert "jar/p1" in first


def test_json_is_json(gallery: Path, photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "query",
        str(photo),
        "--gallery",
        str(gallery),
        "--json",
        "--category",
        "jar",
        "stick",
    ]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, 7))
    assert found["hits"][0]["product"] == "jar/p1"
    assert {c["name"] for c in found["route"]["categories"]} == {"jar", "stick"}
    assert main(["gallery", "info", str(gallery), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["images"], info["products"], info["categories"]["jar"]) == (18, 9, 6)
    assert info["fingerprint"] == found["fingerprint"]


def test_json_goes_with_a_page(
    gallery: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "out.html"
    arguments = ["query", str(photo), "--gallery", str(gallery), "--json", "--page", str(page)]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["hits"]
    assert page.read_text("utf-8").lstrip().lower().startswith("<!doctype html>")


def test_a_photo_may_come_from_standard_input(gallery: Path, photo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "query", "-", "--gallery", gallery, "--json"],
        cwd=ROOT,
        input=photo.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["hits"][0]["product"] == "jar/p1"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["query", "--help"], ["gallery", "info"], ["gallery", "export"]]
)
def test_a_reader_that_goes_away_is_no_error(gallery: Path, arguments: list[str]) -> None:
    given = [*arguments, str(gallery)] if "--help" not in arguments else arguments
    with subprocess.Popen(
        [sys.executable, "-c", ENTRY, *given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


def test_an_export_holds_every_record(
    gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gallery", "export", str(gallery), "--vectors"]) == 0
    printed = capsys.readouterr().out
    assert main(["gallery", "export", str(gallery), "--vectors", "--out", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x").read_text("utf-8") == printed
    rows = [json.loads(line) for line in printed.splitlines()]
    assert len(rows) == 18
    assert {row["category"] for row in rows} == {"bottle", "jar", "stick"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_images_are_deleted_by_product_file_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "c", products=3)
    gallery = tmp_path / "g"
    arguments = ["ingest", str(tmp_path / "c"), "--gallery", str(gallery), *QUICK_FLAGS]
    assert main([*arguments, "--workers", "1"]) == 0
    monkeypatch.chdir(tmp_path / "c" / "jar")
    delete = ["gallery", "delete", str(gallery)]
    assert main(delete) == 1
    assert main([*delete, "--product", "none"]) == 1
    assert main([*delete, "--file", "../jar/none.png", "--product", "jar/p0"]) == 1
    assert count(gallery) == 18, "all or nothing"
    assert main([*delete, "--product", "jar/p0"]) == 0
    assert count(gallery) == 16
    assert main([*delete, "--file", "../jar/p1/v0.png", "--under", "../stick"]) == 0
    assert count(gallery) == 9
    capsys.readouterr()
    assert main(["gallery", "check", str(gallery)]) == 0
    assert "sound, 9 images" in capsys.readouterr().out
    assert main(["gallery", "rebuild", str(gallery)]) == 0
    assert "2 indexes derived anew" in capsys.readouterr().out


def count(gallery: Path) -> int:
    with open_gallery(gallery) as opened:
        return len(opened)


def test_a_fault_found_by_check_is_told_and_changes_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "c", products=1)
    gallery = tmp_path / "g"
    arguments = ["ingest", str(tmp_path / "c"), "--gallery", str(gallery), *QUICK_FLAGS]
    assert main([*arguments, "--workers", "1"]) == 0
    for path in (gallery / "indexes").iterdir():
        data = bytearray(path.read_bytes())
        data[200] ^= 1
        path.write_bytes(data)
    capsys.readouterr()
    assert main(["gallery", "check", str(gallery)]) == 1
    assert "packsight gallery rebuild" in capsys.readouterr().err
    assert main(["gallery", "rebuild", str(gallery)]) == 0
    assert main(["gallery", "check", str(gallery)]) == 0
