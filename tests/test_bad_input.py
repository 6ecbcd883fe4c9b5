"""Whatever is wrong with the input: one line that says so, an exit code, and no traceback."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.cli import main
from engine.galleries.local import LocalGallery
from tests.drawn_catalogue import QUICK_FLAGS, package, save, write_catalogue

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; from engine.cli import entry; sys.argv[0] = 'packsight'; entry()"


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        assert line.startswith("packsight: ")
        return line


class Command:
    """`packsight …` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Outcome:
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(code, captured.out, captured.err)

    def ingest(self, folder: Path, gallery: Path, *more: str | Path) -> Outcome:
        return self("ingest", folder, "--gallery", gallery, "--workers", "1", *QUICK_FLAGS, *more)


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of twelve pictures, not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    write_catalogue(folder / "catalogue")
    arguments = ["ingest", str(folder / "catalogue"), "--gallery", str(folder / "gallery")]
    assert main([*arguments, *QUICK_FLAGS, "--workers", "1"]) == 0
    return folder / "gallery"


@pytest.fixture
def gallery(made: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "gallery"))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 0, 3))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def write_bad_pictures(folder: Path) -> dict[str, str]:
    """Files that are no pictures, and a word of the reason that each should be refused for."""
    whole = save(folder / "truncated.jpg", package("jar", 1)).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("Dear Sir or Madam, this is a letter.")
    (folder / "nothing.png").touch()
    (folder / "huge.png").write_bytes(png_header(50_000, 50_000))
    (folder / "header.png").write_bytes(png_header(40, 40))
    return {
        "truncated.jpg": "truncated",
        "text.jpg": "not a picture",
        "nothing.png": "empty",
        "huge.png": "more pixels than the limit",
        "header.png": "",
    }


# ------------------------------------------------------------------ ingest


def test_bad_pictures_are_listed_and_the_good_ones_kept(packsight: Command, tmp_path: Path) -> None:
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


def test_when_all_pictures_are_refused_the_exit_code_says_so(
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
    assert (done.code, report["added"], report["ignored"]) == (0, 6, 1)
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
    [("none", "no such folder"), ("a.txt", "is not a folder"), ("empty", "no pictures here")],
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
        (["--set", "embed.name=no_such"], "Valid: handcrafted, onnx"),
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
        assert f"must be a whole number, at least 1, not '{number}'" in capsys.readouterr().err


def test_a_broken_label_file_in_the_folder_costs_its_labels_alone(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar" / "attributes.csv").write_text("category\njar\n")
    (catalogue / "stick" / "attributes.json").write_text("[1, 2")
    (catalogue / "jar/p0/v0.json").write_text('"a text"')
    (catalogue / "jar/p0/v1.json").write_text('{"price": "\\ud800", "size": 1' + "0" * 5000 + "}")
    done = packsight.ingest(catalogue, tmp_path / "g", "--json")
    report = json.loads(done.out)
    assert (done.code, report["added"]) == (0, 12)
    names = {Path(refusal["uri"]).name for refusal in report["refused"]}
    assert names == {"attributes.csv", "attributes.json", "v0.json", "v1.json"}


def test_half_a_surrogate_pair_in_a_label_does_no_harm(
    packsight: Command, catalogue: Path, tmp_path: Path
) -> None:
    (catalogue / "jar/p0/v0.json").write_text('{"price": "\\ud800", "\\udfff": "x"}')
    assert packsight.ingest(catalogue, tmp_path / "g").code == 0
    assert packsight("gallery", "export", tmp_path / "g").code == 0


def test_a_decoder_that_is_killed_costs_one_picture(
    packsight: Command, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a codec does that crashes; the child imports this stand-in through our import path."""
    stand_in = tmp_path / "stand_in"
    stand_in.mkdir()
    (stand_in / "sitecustomize.py").write_text(
        "import os, sys, threading, time\n"
        "if 'offline.decoder' in ' '.join(sys.orig_argv):\n"
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


# ------------------------------------------------------------------ query


@pytest.mark.parametrize("name", ["truncated.jpg", "text.jpg", "nothing.png", "huge.png"])
def test_a_bad_photo_is_one_line(packsight: Command, made: Path, tmp_path: Path, name: str) -> None:
    reasons = write_bad_pictures(tmp_path)
    done = packsight("query", tmp_path / name, "--gallery", made)
    assert (done.code, done.out) == (1, "")
    assert reasons[name] in done.line and name in done.line


def test_a_photo_that_is_not_there(packsight: Command, made: Path, tmp_path: Path) -> None:
    assert "does not exist" in packsight("query", tmp_path / "no.png", "--gallery", made).line
    assert "is a folder" in packsight("query", tmp_path, "--gallery", made).line


def test_no_gallery_an_empty_one_and_a_file(
    packsight: Command, tmp_path: Path, photo: Path, gallery: Path
) -> None:
    done = packsight("query", photo, "--gallery", tmp_path / "none")
    assert done.code == 1
    assert "no gallery here. Make one with: packsight ingest FOLDER" in done.line
    assert "no gallery here" in packsight("query", photo, "--gallery", photo).line
    with LocalGallery.open(gallery, write=True) as opened:
        opened.remove([source.id for source in opened.sources()])
    done = packsight("query", photo, "--gallery", gallery)
    assert done.code == 1
    assert "the gallery is empty. Fill it with: packsight ingest" in done.line
    assert packsight("gallery", "info", gallery).code == 0
    assert packsight("gallery", "check", gallery).code == 0


def test_an_unknown_category_lists_the_known_ones(
    packsight: Command, made: Path, photo: Path
) -> None:
    done = packsight("query", photo, "--gallery", made, "--category", "jars", "stick")
    assert done.code == 1
    assert "unknown category 'jars'. The gallery holds: bottle, jar, stick." in done.line


def test_k_may_be_larger_than_the_gallery_and_not_zero(
    packsight: Command, made: Path, photo: Path
) -> None:
    done = packsight("query", photo, "--gallery", made, "-k", "5000", "--set", "route.mass=1")
    assert (done.code, done.err) == (0, "")
    assert "fewer than 5000" in done.out
    for k in ("0", "-3"):
        done = packsight("query", photo, "--gallery", made, f"-k{k}")
        assert done.code == 1
        assert f"k = {k}: ask for at least one product." in done.line


def test_a_query_described_otherwise_is_refused_with_the_way_out(
    packsight: Command, made: Path, photo: Path
) -> None:
    for flags in (["--profile", "classic"], ["--set", "images.max_side=64"]):
        done = packsight("query", photo, "--gallery", made, *flags)
        assert done.code == 1
        assert "described by other parts" in done.line
        assert "Leave out --profile, --config and --set" in done.line


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_damaged_gallery_is_one_line_for_every_command(
    packsight: Command, gallery: Path, photo: Path, catalogue: Path, damage: str
) -> None:
    path = gallery / "gallery.sqlite"
    data = path.read_bytes()
    path.write_bytes(b"garbage" * 3000 if damage == "garbage" else data[: len(data) // 3])
    for arguments in (
        ("query", photo, "--gallery", gallery),
        ("gallery", "check", gallery),
        ("gallery", "rebuild", gallery),
        ("gallery", "export", gallery),
        ("ingest", catalogue, "--gallery", gallery),
    ):
        done = packsight(*arguments)
        assert done.code == 1
        assert "gallery.sqlite is damaged" in done.line
        assert "Restore it from a backup" in done.line


def test_a_locked_gallery_names_its_writer_and_can_be_read(
    packsight: Command, gallery: Path, photo: Path, catalogue: Path
) -> None:
    with LocalGallery.open(gallery, write=True):
        for arguments in (
            ("gallery", "rebuild", gallery),
            ("ingest", catalogue, "--gallery", gallery),
        ):
            done = packsight(*arguments)
            assert done.code == 1
            assert f"another process (process {os.getpid()}) is writing" in done.line
        assert packsight("query", photo, "--gallery", gallery).code == 0


def test_a_page_or_an_export_that_cannot_be_written_is_one_line(
    packsight: Command, made: Path, photo: Path
) -> None:
    for target in (photo.parent / "no" / "out.html", photo / "out.html", photo.parent):
        done = packsight("query", photo, "--gallery", made, "--page", target)
        assert (done.code, str(target) in done.line) == (1, True)
        done = packsight("gallery", "export", made, "--out", target)
        assert (done.code, str(target) in done.line) == (1, True)


# ------------------------------------------------------------------ the system


def command(
    *arguments: str | Path, before: str = "", preexec: Callable[[], None] | None = None
) -> Outcome:
    """`packsight …` in a process of its own, after the statements in ``before``."""
    done = subprocess.run(
        [sys.executable, "-c", before + ENTRY, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=preexec,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def unprivileged(*arguments: str | Path) -> Outcome:
    """`packsight …` in a process, and children, that permissions hold for, even as root."""
    flags = [*QUICK_FLAGS, "--workers", "1"] if arguments[0] == "ingest" else []
    return command(*arguments, *flags, preexec=drop_root_over_files)


def drop_root_over_files() -> None:
    """Give up CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2) at the coming exec."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def may_be_locked_out() -> bool:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        done = subprocess.run(
            ["cat", file.name], capture_output=True, preexec_fn=drop_root_over_files
        )
    return done.returncode != 0


needs_permissions = pytest.mark.skipif(
    os.name != "posix" or not may_be_locked_out(), reason="no permission is refused to us here"
)


@needs_permissions
def test_an_unreadable_folder_and_file_are_lines_in_the_report(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c")
    (tmp_path / "c" / "jar").chmod(0)
    (tmp_path / "c" / "stick" / "p0").chmod(0o400)  # may be listed and not entered
    (tmp_path / "c" / "bottle/p0/v0.png").chmod(0)
    done = unprivileged("ingest", tmp_path / "c", "--gallery", tmp_path / "g", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    refused = {r["uri"].removeprefix(f"{tmp_path}/c/"): r["reason"] for r in report["refused"]}
    assert refused == {
        "jar": "folder cannot be read (Permission denied)",
        "stick/p0/v0.png": "cannot be read (Permission denied)",
        "stick/p0/v1.png": "cannot be read (Permission denied)",
        "bottle/p0/v0.png": "cannot be read (Permission denied)",
    }
    assert report["added"] == 5


@needs_permissions
def test_what_may_not_be_looked_at_is_neither_missing_nor_pruned(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "c")
    arguments = ("ingest", tmp_path / "c", "--gallery", tmp_path / "g", "--json")
    assert json.loads(unprivileged(*arguments).out)["added"] == 12
    (tmp_path / "c" / "jar").chmod(0)
    done = unprivileged(*arguments, "--prune")
    report = json.loads(done.out)
    assert (done.code, report["removed"], report["missing"]) == (0, 0, [])
    assert (report["unchanged"], report["images"]) == (8, 12)


@needs_permissions
def test_a_folder_or_gallery_that_may_not_be_entered_is_one_line(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "locked" / "c")
    (tmp_path / "locked").chmod(0)
    (tmp_path / "pictures").mkdir()
    save(tmp_path / "pictures" / "a.png", package("jar", 1))
    for folder, gallery in (("locked/c", "g"), ("pictures", "locked/g")):
        done = unprivileged("ingest", tmp_path / folder, "--gallery", tmp_path / gallery)
        assert done.code == 1
        assert "Permission denied" in done.line or "cannot be read" in done.line
    done = unprivileged("query", tmp_path / "pictures/a.png", "--gallery", tmp_path / "locked/g")
    assert done.code == 1
    assert "ermission denied" in done.line


def test_a_full_disk_is_one_line_and_the_rerun_does_the_rest(
    catalogue: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the disk: SQLite meets it as it meets ENOSPC."""
    save(catalogue / "jar/p0/v9.png", package("jar", 9))
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000));"
    )
    arguments = ("ingest", catalogue, "--gallery", tmp_path / "g", *QUICK_FLAGS)
    arguments += ("--set", "ingest.batch=2", "--json")
    done = command(*arguments, before=limit)
    assert (done.code, done.out) == (1, "")
    assert str(tmp_path / "g") in done.line
    with LocalGallery.open(tmp_path / "g") as gallery:
        kept = len(gallery)
        assert gallery.check() == []
    assert 0 < kept < 13
    report = json.loads(command(*arguments).out)
    assert (report["unchanged"], report["added"]) == (kept, 13 - kept)
    with LocalGallery.open(tmp_path / "g") as gallery:
        assert (len(gallery), gallery.check()) == (13, [])


as_root = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs to be root")


@as_root
def test_a_really_full_disk_says_so_and_loses_nothing(catalogue: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        write_catalogue(catalogue, products=20)
        arguments = ("ingest", catalogue, "--gallery", disk / "g", *QUICK_FLAGS, "--json")
        done = command(*arguments, "--set", "ingest.batch=2")
        assert (done.code, done.out) == (1, "")
        assert "the disk is full; what was acknowledged before is safe." in done.line
        with LocalGallery.open(disk / "g") as gallery:
            kept = len(gallery)
            assert gallery.check() == []
        assert 0 < kept < 120
        subprocess.run(["mount", "-o", "remount,size=40m", disk], check=True)
        report = json.loads(command(*arguments).out)
        assert (report["unchanged"], report["added"]) == (kept, 120 - kept)
        with LocalGallery.open(disk / "g") as gallery:
            assert (len(gallery), gallery.check()) == (120, [])
    finally:
        subprocess.run(["umount", disk], check=True)
