"""Whatever is wrong with what is ingested: a line that names it, an exit code, and no traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.bad_pictures import write_bad_pictures
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue
from tests.packsight_command import Command, command


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_bad_images_are_listed_and_the_good_ones_kept(packsight: Command, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c")
    reasons = write_bad_pictures(tmp_path / "c" / "jar")
    done = packsight.ingest(tmp_path / "c", tmp_path / "g", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert (report["added"], len(report["refused"])) == (12, len(reasons))
    for refusal in report["refused"]:
        assert reasons[Path(refusal["uri"]).name] in refusal["reason"]
        assert "\n" not in refusal["reason"]
    text = packsight.ingest(tmp_path / "c", tmp_path / "g").out
    assert "12 unchanged, 5 refused" in text
    for name, reason in reasons.items():
        (line,) = [line for line in text.splitlines() if name in line]
        assert reason in line


def test_when_all_images_are_refused_the_exit_code_says_so(
    packsight: Command, tmp_path: Path
) -> None:
    write_bad_pictures(tmp_path)
    done = packsight.ingest(tmp_path, tmp_path.parent / f"{tmp_path.name}-gallery")
    assert (done.code, done.err) == (1, "")
    assert "refused: 5" in done.out


def test_odd_files_are_passed_over_or_refused(packsight: Command, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    write_catalogue(folder, products=1)
    save(folder / ".hidden.png", package("jar", 3))
    save(folder / ".hidden" / "a.png", package("jar", 3))
    (folder / "notes.txt").write_text("hello")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "dangling.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "jar" / "up").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.jpg")
    name = os.fsencode(folder) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes((folder / "jar/p0/v0.png").read_bytes())
    done = packsight.ingest(folder, tmp_path / "g", "--json")
    report = json.loads(done.out)
    assert (done.code, report["added"]) == (0, 6)
    assert report["passed_over"] == {
        ".txt files": 1,
        "hidden files": 1,
        "files in hidden folders": 1,
        "linked folders": 1,
    }
    refused = {Path(r["uri"]).name: r["reason"] for r in report["refused"]}
    assert set(refused) == {"loop.jpg", "dangling.jpg", "pipe.jpg", "caf\\udce9.png"}
    assert refused["pipe.jpg"] == "not a regular file"
    assert "not valid Unicode" in refused["caf\\udce9.png"]


def test_a_folder_whose_name_is_no_text_is_refused_line_by_line(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    save(folder / "a.png", package("jar", 3))
    done = command("ingest", folder, "--gallery", tmp_path / "g", *QUICK_FLAGS)
    assert (done.code, done.err) == (1, "")
    assert "its name is not valid Unicode" in done.out


@pytest.mark.parametrize(
    ("folder", "problem"),
    [("none", "no such folder"), ("a.txt", "is not a folder"), ("empty", "no images here")],
)
def test_a_folder_that_is_none(
    packsight: Command, tmp_path: Path, folder: str, problem: str
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "empty").mkdir()
    done = packsight.ingest(tmp_path / folder, tmp_path / "g")
    assert (done.code, done.out) == (1, "")
    assert problem in done.line
    assert not (tmp_path / "g").exists()


def test_a_gallery_path_that_is_taken(packsight: Command, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "thesis.tex").touch()
    assert "is a file" in packsight.ingest(catalogue, tmp_path / "file").line
    assert "Not a directory" in packsight.ingest(catalogue, tmp_path / "file" / "g").line
    assert "holds thesis.tex" in packsight.ingest(catalogue, tmp_path / "stranger").line
    assert "not empty" in packsight.ingest(catalogue, catalogue).line
    assert [path.name for path in (tmp_path / "stranger").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--profile", "clasic"], "Did you mean 'classic'?"),
        (["--profile", "none.toml"], "no such settings file"),
        (["--config", "none.toml"], "no such settings file"),
        (["--config", "broken.toml"], "not valid TOML"),
        (["--set", "embed.sied=3"], "unknown option 'sied'"),
        (["--set", "rute.mass=1"], "Did you mean 'route'?"),
        (["--set", "embed.side=oops"], "embed.side = 'oops'"),
        (["--set", "embed.name=no_such"], "Valid: handcrafted, joined, local_features, onnx"),
        (["--set", "nonsense"], "must read SECTION.KEY=VALUE"),
        (["--labels", "none.csv"], "cannot be read"),
        (["--labels", "broken.json"], "not valid JSON"),
        (["--labels", "no_path.csv"], "needs one of path, file, filename, image"),
    ],
)
def test_wrong_settings_and_labels_are_named(
    packsight: Command,
    catalogue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.toml").write_text("[embed\nside = ")
    Path("broken.json").write_text('[{"path": ')
    Path("no_path.csv").write_text("category,product\njar,a\n")
    done = packsight.ingest(catalogue, tmp_path / "g", *flags)
    assert done.code == 1
    assert problem in done.line
    assert not (tmp_path / "g").exists()


def test_a_number_of_workers_that_is_none(
    packsight: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("0", "-1", "two"):
        with pytest.raises(SystemExit) as caught:
            packsight("ingest", tmp_path, "--gallery", tmp_path / "g", f"--workers={number}")
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert "--workers" in error and f"not '{number}'" in error


def test_a_broken_label_file_in_the_folder_costs_its_labels_alone(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar" / "attributes.csv").write_text("category\njar\n")
    (catalogue / "stick" / "attributes.json").write_text("[1, 2")
    (catalogue / "jar/p0/v0.json").write_text('"a text"')
    (catalogue / "jar/p0/v1.json").write_text(
        '{"product": "", "price": "\\ud800", "size": 1' + "0" * 5000 + "}"
    )
    done = packsight.ingest(catalogue, tmp_path / "g", "--json")
    report = json.loads(done.out)
    assert (done.code, report["added"]) == (0, 12)
    names = {Path(refusal["uri"]).name for refusal in report["refused"]}
    assert names == {"attributes.csv", "attributes.json", "v1.json"}
    assert any("v0.json" in note for note in report["notes"])  # of another program


def test_half_a_surrogate_pair_in_a_label_does_no_harm(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar/p0/v0.json").write_text('{"product": "", "price": "\\ud800", "\\udfff": "x"}')
    assert packsight.ingest(catalogue, tmp_path / "g").code == 0
    assert packsight("gallery", "export", tmp_path / "g").code == 0


def test_a_decoder_that_is_killed_costs_one_image(
    packsight: Command, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a codec does that crashes; the child imports this stand-in through our import path."""
    stand_in = tmp_path / "stand_in"
    stand_in.mkdir()
    (stand_in / "sitecustomize.py").write_text(
        "import os, sys, threading, time\n"
        "if 'engine.decoding' in ' '.join(sys.orig_argv):\n"
        "    import pathlib\n"
        "    stat = pathlib.Path.stat\n"
        "    def crash(self, **given):\n"
        "        if self.name == 'v1.png' and self.parent.parent.name == 'jar':\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return stat(self, **given)\n"
        "    pathlib.Path.stat = crash\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(stand_in))
    report = json.loads(packsight.ingest(catalogue, tmp_path / "g", "--json").out)
    assert report["added"] == 10
    assert [refusal["reason"] for refusal in report["refused"]] == ["crashed its decoder"] * 2
