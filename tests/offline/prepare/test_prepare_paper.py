"""`packsight prepare paper`: from files, or from nothing, to a system that ingests and answers."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from engine.config import Settings, load
from offline.prepare import classifier, paper, steps
from stages.profiles import read_profile
from tests.drawn_catalogue import package, save
from tests.offline.prepare.small_system import (
    STEPS,
    train_nothing,
    write_classifier,
    write_networks,
)
from tests.packsight_command import Command, Outcome
from tests.weights.loopback import loopback
from weights import catalog
from weights.checksums import Checksum, digests_of

Flags = list[str | Path]
Trainings = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without weights, that may fetch from itself alone."""
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("PACKSIGHT_OFFLINE", raising=False)
    yield tmp_path / "cache"


@dataclass(frozen=True)
class Prepare:
    """`packsight prepare paper` into the folder ``out``, with more flags."""

    packsight: Command
    out: Path

    def __call__(self, *more: str | Path) -> Outcome:
        return self.packsight("prepare", "paper", "--out", self.out, "--quiet", *more)

    def refuses(self, *more: str | Path, over: str, leaving: str = "") -> None:
        """In one line that names what it is over, and without this file of the folder, or it."""
        done = self(*more)
        assert done.code == 1 and over in done.line
        assert not (self.out / leaving).exists()

    @property
    def settings(self) -> Settings:
        return read_profile(str(self.out / "paper.toml"))


@pytest.fixture
def prepare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Prepare:
    return Prepare(Command(capsys), tmp_path / "out")


@pytest.fixture
def networks(tmp_path: Path) -> Flags:
    """The flags by which all networks are local files."""
    return flags(write_networks(tmp_path / "local"))


def flags(files: dict[str, Path]) -> Flags:
    return [part for name, path in files.items() for part in (f"--{name}", path)]


@pytest.fixture
def head(tmp_path: Path) -> Flags:
    """The flags by which the classifier is a local file."""
    return ["--classifier", write_classifier(tmp_path / "head")]


@pytest.fixture
def local(networks: Flags, head: Flags) -> Flags:
    """Nothing is fetched and nothing is trained."""
    return [*networks, *head]


@pytest.fixture
def labelled(networks: Flags, catalogue: Path) -> Flags:
    """The classifier is trained with local networks."""
    return [*networks, "--data", catalogue, "--weights", "none"]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    """The trainings that were started, none of which takes any time."""
    started: Trainings = []

    def train(dataset: object, out: Path, recipe: object, settings: Settings, **more: Any) -> None:
        started.append({"out": out, "recipe": recipe, "settings": settings})
        out.mkdir(exist_ok=True)
        train_nothing(out)

    monkeypatch.setattr(classifier, "train_classifier", train)
    monkeypatch.setattr(paper, "require_keras", lambda: None)
    return started


def states(outcome: Outcome) -> dict[str, str]:
    """ "done" or "to do" by step, of the printed plan."""
    rows = [line for line in outcome.out.splitlines() if line.startswith(STEPS)]
    return {row.split()[0]: "done" if row.split()[1] == "done" else "to do" for row in rows[:5]}


def made(folder: Path, *but: Path) -> dict[Path, int]:
    """When each network below the folder was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.onnx") if path not in but}


def test_local_files_become_a_system_that_ingests_and_answers(
    prepare: Prepare, tmp_path: Path, catalogue: Path, local: Flags
) -> None:
    assert prepare(*local).code == 0
    packsight, gallery = prepare.packsight, ("--gallery", tmp_path / "gallery")
    config = ("--config", prepare.out / "paper.toml", "--workers", "1", "--json")
    done = packsight("ingest", catalogue, *gallery, *config)
    assert done.code == 0, done.err
    assert json.loads(done.out)["added"] == 12
    photo = catalogue / "jar/p0/v0.png"
    answer = packsight("query", photo, *gallery, "--category", "jar", "--json")
    (first, *_) = json.loads(answer.out)["hits"]
    assert first["category"] == "jar" and Path(first["uri"]) == photo


def test_the_settings_are_the_profile_with_the_files_of_the_folder(
    prepare: Prepare, local: Flags
) -> None:
    prepare(*local)
    written = prepare.settings
    assert load(read_profile("classic"), file=prepare.out / "paper.toml") == written
    plain = read_profile("paper").tables()
    for section, table in written.tables().items():
        changed = {key for key in table if table[key] != plain[section].get(key)}
        assert changed <= {"weights", "name"}, section
    assert written.matting.name == "fba"
    for section in ("segment", "matting", "embed", "classify"):
        path = Path(str(written.stage(section).options["weights"]))
        assert path.is_absolute() and path.is_relative_to(prepare.out) and path.is_file()


def test_the_classifier_learns_from_cutouts_of_these_networks_by_the_flags(
    prepare: Prepare, labelled: Flags, trainings: Trainings
) -> None:
    more = ("--backbone", "MobileNetV2", "--epochs", "3")
    assert prepare(*labelled, *more).code == 0
    (training,) = trainings
    assert training["recipe"].backbone == "MobileNetV2"
    assert training["recipe"].schedule.epochs == 3
    options = training["settings"].segment.options
    assert options["weights"] == str(prepare.out / "u2net.onnx")
    assert training["settings"].matting.name == "fba"


def test_a_second_run_takes_no_step_again(
    prepare: Prepare, labelled: Flags, trainings: Trainings
) -> None:
    assert set(states(prepare(*labelled)).values()) == {"to do"}
    before = made(prepare.out)
    # Also where the local networks, six words, are not named any more.
    for again in (labelled, labelled[6:], ()):
        done = prepare(*again)
        assert done.code == 0 and set(states(done).values()) == {"done"}
    assert before == made(prepare.out)
    assert len(trainings) == 1


@pytest.mark.parametrize("name", ["u2net", "resnet50"])
def test_a_damaged_file_is_made_again_and_nothing_else(
    name: str, prepare: Prepare, labelled: Flags, trainings: Trainings
) -> None:
    prepare(*labelled)
    damaged = prepare.out / f"{name}.onnx"
    before, whole = made(prepare.out, damaged), damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    done = prepare(*labelled)
    assert done.code == 0 and states(done)[name] == "to do"
    assert damaged.read_bytes() == whole
    assert before == made(prepare.out, damaged)
    assert len(trainings) == 1


@pytest.mark.parametrize("changed", ["network", "labels", "recipe"])
def test_a_change_of_what_the_classifier_is_made_of_trains_again(
    changed: str,
    prepare: Prepare,
    tmp_path: Path,
    catalogue: Path,
    labelled: Flags,
    trainings: Trainings,
) -> None:
    prepare(*labelled)
    if changed == "network":
        write_networks(tmp_path / "local", gain=-0.5)
    elif changed == "labels":
        save(catalogue / "jar/p7/v0.png", package("jar", 7))
    recipe = ("--epochs", "50") if changed == "recipe" else ()
    done = prepare(*labelled, *recipe)
    assert states(done)["classifier"] == "to do" and states(done)["resnet50"] == "done"
    assert done.code == 0 and len(trainings) == 2


def test_a_run_that_ended_early_goes_on_with_the_step_it_was_in(
    prepare: Prepare, labelled: Flags, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(classifier, "train_classifier", interrupted)
        assert prepare(*labelled).code == 130
    left = prepare.out / ".export-killed"
    left.mkdir()
    done = prepare(*labelled)
    wanted = {"classifier": "to do", "settings": "to do"}
    assert states(done) == dict.fromkeys(STEPS, "done") | wanted
    assert done.code == 0 and len(trainings) == 1
    assert not left.exists()


def test_a_plan_changes_nothing(prepare: Prepare, labelled: Flags) -> None:
    done = prepare(*labelled, "--plan")
    assert done.code == 0 and set(states(done)) == set(STEPS)
    assert not prepare.out.exists()


@pytest.mark.parametrize("how", ["flag", "variable", "setting"])
def test_offline_every_missing_file_is_listed_with_its_place(
    how: str, prepare: Prepare, cache: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"flag": ["--offline"], "setting": ["--set", "weights.download=false"]}.get(how, [])
    if how == "variable":
        monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    done = prepare("--data", catalogue, "--backbone", "mobilenetv2", *more)
    assert done.code == 1
    known = catalog.load_catalog()
    for name in ("u2net", "fba", "resnet50_v1", "mobilenet_v2_keras"):
        entry = known[name]
        assert str(cache / entry.filename) in done.out and entry.filename in done.line
        assert (entry.url or entry.page) in done.out and entry.licence in done.out
        assert entry.checksum is None or entry.checksum.value in done.out
    assert not prepare.out.exists() and not cache.exists()


def test_files_that_were_put_in_their_places_are_missing_no_more(
    prepare: Prepare, cache: Path, head: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_networks(cache)  # exports of these names are taken as they are
    files["resnet50"].rename(cache / "resnet50_v1.onnx")
    files["resnet50"].with_suffix(".toml").rename(cache / "resnet50_v1.toml")
    publish(monkeypatch, "http://127.0.0.1:9/u2net.onnx", files["u2net"])
    assert prepare("--offline", *head).code == 0
    assert (prepare.out / "fba.onnx").read_bytes() == files["fba"].read_bytes()


def test_a_network_that_is_not_there_is_fetched_and_verified(
    prepare: Prepare, tmp_path: Path, head: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_networks(tmp_path / "elsewhere")
    fetched = files.pop("u2net")
    with loopback(fetched.read_bytes()) as server:
        publish(monkeypatch, server.url.replace("model", "u2net"), fetched)
        for _ in range(2):
            assert prepare(*flags(files), *head).code == 0
        assert len(server.ranges) == 1
    assert (prepare.out / "u2net.onnx").read_bytes() == fetched.read_bytes()
    assert "verified = true" in (prepare.out / "u2net.toml").read_text()


def publish(monkeypatch: pytest.MonkeyPatch, url: str, file: Path) -> None:
    """The catalogue with ``file`` as the published U²-Net, at ``url``."""
    known = dict(catalog.load_catalog())
    checksum = Checksum("sha256", digests_of(file).sha256)
    known["u2net"] = dataclasses.replace(known["u2net"], url=url, checksum=checksum)
    for module in ("weights.catalog", "weights.fetch", "offline.prepare.networks"):
        monkeypatch.setattr(f"{module}.load_catalog", lambda: known)


def test_matting_cannot_be_fetched_and_may_be_left_out(
    prepare: Prepare, tmp_path: Path, head: Flags
) -> None:
    files = write_networks(tmp_path / "local")
    del files["fba"]
    prepare.refuses(*flags(files), *head, over="fba.pth", leaving="paper.toml")
    assert prepare(*flags(files), *head, "--no-matting").code == 0
    assert prepare.settings.matting.name == "none"
    assert not (prepare.out / "fba.onnx").exists()


@pytest.mark.parametrize(("one", "other"), [*permutations(("u2net", "fba", "resnet50"), 2)])
def test_networks_that_were_mixed_up_are_refused_before_a_training(
    one: str, other: str, prepare: Prepare, tmp_path: Path, labelled: Flags, trainings: Trainings
) -> None:
    mixed = [f"--{one}", tmp_path / f"local/{other}.onnx"]
    prepare.refuses(*labelled, *mixed, over=f"no {one}", leaving="paper.toml")
    assert not trainings


def test_without_labelled_images_the_layout_is_shown(
    prepare: Prepare, tmp_path: Path, networks: Flags
) -> None:
    prepare.refuses(*networks, over="CATEGORY/")
    prepare.refuses(*networks, over="--data")
    (tmp_path / "flat").mkdir()
    shutil.copy(tmp_path / "local/fba.onnx", tmp_path / "flat/x.jpg")
    prepare.refuses(*networks, "--data", tmp_path / "flat", over="")


@pytest.mark.parametrize(
    ("more", "over"),
    [
        (("--u2net", "no/such.onnx"), "--u2net no/such.onnx"),
        (("--classifier", "no/such.onnx"), "--classifier"),
        (("--backbone", "VGG16"), "unknown backbone 'VGG16'"),
        (("--set", "segment.name=grabcut"), "[segment] grabcut"),
        (("--data", "no/such"), "no such folder"),
    ],
)
def test_what_cannot_work_is_one_line_before_anything_is_made(
    more: tuple[str, ...], over: str, prepare: Prepare, networks: Flags
) -> None:
    prepare.refuses(*networks, *more, over=over)


def test_two_runs_do_not_write_into_one_folder(prepare: Prepare, local: Flags) -> None:
    prepare.out.mkdir()
    with FileLock(prepare.out / steps.LOCK):
        prepare.refuses(*local, over="another process", leaving="u2net.onnx")


def test_a_full_disk_is_noticed_before_the_first_step(
    prepare: Prepare, local: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)  # type: ignore[attr-defined]
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda path: full)
    prepare.refuses(*local, over="free", leaving="u2net.onnx")


def test_a_folder_that_was_moved_is_put_in_order_without_a_training(
    prepare: Prepare, tmp_path: Path, labelled: Flags, trainings: Trainings
) -> None:
    prepare(*labelled)
    moved = Prepare(prepare.packsight, prepare.out.rename(tmp_path / "moved"))
    assert moved(*labelled[6:]).code == 0 and len(trainings) == 1
    assert moved.settings.segment.options["weights"] == str(moved.out / "u2net.onnx")


def test_parts_that_do_not_fit_leave_no_settings(
    prepare: Prepare, tmp_path: Path, local: Flags
) -> None:
    (tmp_path / "head/head.labels.txt").write_text("bottle\n")
    prepare.refuses(*local, over="labels", leaving="paper.toml")


def test_a_folder_whose_name_no_settings_file_can_hold_is_one_line(
    prepare: Prepare, tmp_path: Path, local: Flags
) -> None:
    odd = Prepare(prepare.packsight, tmp_path / "caf\udce9")
    odd.refuses(*local, over="--out")
