"""`packsight prepare paper`: from files, or from nothing, to a system that ingests and answers."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from engine.config import Settings, load
from engine.errors import ConfigError
from offline.prepare import classifier, paper, steps
from offline.prepare.estimates import of_copy
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without weights, that may fetch from itself alone."""
    monkeypatch.setenv("PACKSIGHT_WEIGHTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("PACKSIGHT_OFFLINE", raising=False)
    yield tmp_path / "cache"


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture
def flags(tmp_path: Path) -> list[str | Path]:
    """All networks as local files."""
    files = write_networks(tmp_path / "local")
    return [part for name, path in files.items() for part in (f"--{name}", path)]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The trainings that were started, none of which takes any time."""
    started: list[dict[str, Any]] = []

    def train(dataset: object, out: Path, recipe: object, settings: Settings, **more: Any) -> None:
        started.append({"out": out, "recipe": recipe, "settings": settings})
        out.mkdir(exist_ok=True)
        train_nothing(out)

    monkeypatch.setattr(classifier, "train_classifier", train)
    monkeypatch.setattr(paper, "require_keras", lambda: None)
    return started


def prepare(packsight: Command, tmp_path: Path, *more: str | Path) -> Outcome:
    return packsight("prepare", "paper", "--out", tmp_path / "out", "--quiet", *more)


def states(outcome: Outcome) -> dict[str, str]:
    """ "done" or "to do" by step, of the printed plan."""
    rows = [line for line in outcome.out.splitlines() if line.startswith(STEPS)]
    return {row.split()[0]: "done" if row.split()[1] == "done" else "to do" for row in rows[:5]}


def test_local_files_become_a_system_that_ingests_and_answers(
    packsight: Command, tmp_path: Path, catalogue: Path, flags: list[str | Path]
) -> None:
    head = write_classifier(tmp_path / "head")
    assert prepare(packsight, tmp_path, *flags, "--classifier", head).code == 0
    config = tmp_path / "out/paper.toml"
    gallery = ("--gallery", tmp_path / "gallery")
    done = packsight("ingest", catalogue, *gallery, "--config", config, "--workers", "1", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["added"] == 12
    photo = catalogue / "jar/p0/v0.png"
    hits = json.loads(packsight("query", photo, *gallery, "--category", "jar", "--json").out)[
        "hits"
    ]
    assert hits[0]["category"] == "jar" and Path(hits[0]["uri"]) == photo


def test_the_settings_are_the_profile_with_the_files_of_the_folder(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    prepare(packsight, tmp_path, *flags, "--classifier", write_classifier(tmp_path / "head"))
    written = read_profile(str(tmp_path / "out/paper.toml"))
    over_classic = load(read_profile("classic"), file=tmp_path / "out/paper.toml")
    assert over_classic == written
    plain = read_profile("paper").tables()
    for section, table in written.tables().items():
        changed = {key for key in table if table[key] != plain[section].get(key)}
        assert changed <= {"weights", "name"}, section
    assert written.matting.name == "fba"
    for section in ("segment", "matting", "embed", "classify"):
        path = Path(str(written.stage(section).options["weights"]))
        assert path.is_absolute() and path.is_relative_to(tmp_path / "out") and path.is_file()


def test_the_classifier_learns_from_cutouts_of_these_networks_by_the_flags(
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    more = ("--data", catalogue, "--backbone", "MobileNetV2", "--weights", "none", "--epochs", "3")
    assert prepare(packsight, tmp_path, *flags, *more).code == 0
    (training,) = trainings
    assert training["recipe"].backbone == "MobileNetV2"
    assert training["recipe"].schedule.epochs == 3
    options = training["settings"].segment.options
    assert options["weights"] == str(tmp_path / "out/u2net.onnx")
    assert training["settings"].matting.name == "fba"


def test_a_second_run_takes_no_step_again(
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    more = ("--data", catalogue, "--weights", "none")
    first = prepare(packsight, tmp_path, *flags, *more)
    assert set(states(first).values()) == {"to do"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.onnx")}
    for again in ((*flags, *more), more, ()):  # also where the local files are not named any more
        done = prepare(packsight, tmp_path, *again)
        assert done.code == 0 and set(states(done).values()) == {"done"}
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(trainings) == 1


@pytest.mark.parametrize("name", ["u2net", "resnet50"])
def test_a_damaged_file_is_made_again_and_nothing_else(
    name: str,
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    more = (*flags, "--data", catalogue, "--weights", "none")
    prepare(packsight, tmp_path, *more)
    damaged, others = tmp_path / f"out/{name}.onnx", sorted((tmp_path / "out").rglob("*.onnx"))
    before = {path: path.stat().st_mtime_ns for path in others if path != damaged}
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    done = prepare(packsight, tmp_path, *more)
    assert done.code == 0 and states(done)[name] == "to do"
    assert damaged.read_bytes() == whole
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert len(trainings) == 1


@pytest.mark.parametrize("changed", ["network", "labels", "recipe"])
def test_a_change_of_what_the_classifier_is_made_of_trains_again(
    changed: str,
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    more: list[str | Path] = [*flags, "--data", catalogue, "--weights", "none"]
    prepare(packsight, tmp_path, *more)
    if changed == "network":
        write_networks(tmp_path / "local", gain=-0.5)
    elif changed == "labels":
        save(catalogue / "jar/p7/v0.png", package("jar", 7))
    else:
        more += ["--epochs", "50"]
    done = prepare(packsight, tmp_path, *more)
    assert states(done)["classifier"] == "to do" and states(done)["resnet50"] == "done"
    assert done.code == 0 and len(trainings) == 2


def test_a_run_that_ended_early_goes_on_with_the_step_it_was_in(
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    more = (*flags, "--data", catalogue, "--weights", "none")
    with monkeypatch.context() as patch:
        patch.setattr(classifier, "train_classifier", interrupted)
        assert prepare(packsight, tmp_path, *more).code == 130
    left = tmp_path / "out/.export-killed"
    left.mkdir()
    done = prepare(packsight, tmp_path, *more)
    wanted = {"classifier": "to do", "settings": "to do"}
    assert states(done) == dict.fromkeys(STEPS, "done") | wanted
    assert done.code == 0 and len(trainings) == 1
    assert not left.exists()


def test_a_plan_changes_nothing(
    packsight: Command, tmp_path: Path, catalogue: Path, flags: list[str | Path]
) -> None:
    done = prepare(packsight, tmp_path, *flags, "--data", catalogue, "--plan")
    assert done.code == 0 and set(states(done)) == set(STEPS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["flag", "variable", "setting"])
def test_offline_every_missing_file_is_listed_with_its_place(
    how: str,
    packsight: Command,
    tmp_path: Path,
    cache: Path,
    catalogue: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = {"flag": ["--offline"], "setting": ["--set", "weights.download=false"]}.get(how, [])
    if how == "variable":
        monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    done = prepare(packsight, tmp_path, "--data", catalogue, "--backbone", "mobilenetv2", *more)
    assert done.code == 1
    known = catalog.load_catalog()
    for name in ("u2net", "fba", "resnet50_v1", "mobilenet_v2_keras"):
        entry = known[name]
        assert str(cache / entry.filename) in done.out and entry.filename in done.line
        assert (entry.url or entry.page) in done.out and entry.licence in done.out
        assert entry.checksum is None or entry.checksum.value in done.out
    assert not (tmp_path / "out").exists() and not cache.exists()


def test_files_that_were_put_in_their_places_are_missing_no_more(
    packsight: Command, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_networks(cache)  # exports of these names are taken as they are
    files["resnet50"].rename(cache / "resnet50_v1.onnx")
    files["resnet50"].with_suffix(".toml").rename(cache / "resnet50_v1.toml")
    publish(monkeypatch, "http://127.0.0.1:9/u2net.onnx", files["u2net"])
    head = write_classifier(tmp_path / "head")
    assert prepare(packsight, tmp_path, "--offline", "--classifier", head).code == 0
    assert (tmp_path / "out/fba.onnx").read_bytes() == files["fba"].read_bytes()


def test_a_network_that_is_not_there_is_fetched_and_verified(
    packsight: Command, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_networks(tmp_path / "elsewhere")
    local = [part for name in ("fba", "resnet50") for part in (f"--{name}", files[name])]
    head = write_classifier(tmp_path / "head")
    with loopback(files["u2net"].read_bytes()) as server:
        publish(monkeypatch, server.url.replace("model", "u2net"), files["u2net"])
        assert prepare(packsight, tmp_path, *local, "--classifier", head).code == 0
        assert prepare(packsight, tmp_path, *local, "--classifier", head).code == 0
        assert len(server.ranges) == 1
    assert (tmp_path / "out/u2net.onnx").read_bytes() == files["u2net"].read_bytes()
    assert "verified = true" in (tmp_path / "out/u2net.toml").read_text()


def publish(monkeypatch: pytest.MonkeyPatch, url: str, file: Path) -> None:
    """The catalogue with ``file`` as the published U²-Net, at ``url``."""
    known = dict(catalog.load_catalog())
    checksum = Checksum("sha256", digests_of(file).sha256)
    known["u2net"] = dataclasses.replace(known["u2net"], url=url, checksum=checksum)
    for module in ("weights.catalog", "weights.fetch", "offline.prepare.networks"):
        monkeypatch.setattr(f"{module}.load_catalog", lambda: known)


def test_matting_cannot_be_fetched_and_may_be_left_out(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    without = [*flags[:2], *flags[4:], "--classifier", write_classifier(tmp_path / "head")]
    refused = prepare(packsight, tmp_path, *without)
    assert refused.code == 1 and "fba.pth" in refused.line
    assert prepare(packsight, tmp_path, *without, "--no-matting").code == 0
    assert read_profile(str(tmp_path / "out/paper.toml")).matting.name == "none"
    assert not (tmp_path / "out/fba.onnx").exists()


@pytest.mark.parametrize("one", ["u2net", "fba", "resnet50"])
@pytest.mark.parametrize("other", ["u2net", "fba", "resnet50"])
def test_networks_that_were_mixed_up_are_refused_before_a_training(
    one: str,
    other: str,
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    if one == other:
        return
    mixed = [*flags, f"--{one}", tmp_path / f"local/{other}.onnx"]
    done = prepare(packsight, tmp_path, *mixed, "--data", catalogue, "--weights", "none")
    assert done.code == 1 and f"no {one}" in done.line and not trainings


def test_without_labelled_images_the_layout_is_shown(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    done = prepare(packsight, tmp_path, *flags)
    assert done.code == 1 and "CATEGORY/" in done.line and "--data" in done.line
    (tmp_path / "flat").mkdir()
    shutil.copy(write_networks(tmp_path / "n")["fba"], tmp_path / "flat/x.jpg")
    assert prepare(packsight, tmp_path, *flags, "--data", tmp_path / "flat").code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--u2net", "no/such.onnx"), "--u2net no/such.onnx"),
        (("--classifier", "no/such.onnx"), "--classifier"),
        (("--backbone", "VGG16"), "unknown backbone 'VGG16'"),
        (("--set", "segment.name=grabcut"), "[segment] grabcut"),
        (("--data", "no/such"), "no such folder"),
    ],
)
def test_what_cannot_work_is_one_line_before_anything_is_made(
    more: tuple[str, ...],
    expected: str,
    packsight: Command,
    tmp_path: Path,
    flags: list[str | Path],
) -> None:
    done = prepare(packsight, tmp_path, *flags, *more)
    assert done.code == 1 and expected in done.line
    assert not (tmp_path / "out").exists()


def test_two_runs_do_not_write_into_one_folder(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    (tmp_path / "out").mkdir()
    head = write_classifier(tmp_path / "head")
    with FileLock(tmp_path / "out" / steps.LOCK):
        done = prepare(packsight, tmp_path, *flags, "--classifier", head)
    assert done.code == 1 and "another process" in done.line
    assert not (tmp_path / "out/u2net.onnx").exists()


def test_a_full_disk_is_noticed_before_the_first_step(
    packsight: Command, tmp_path: Path, flags: list[str | Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)  # type: ignore[attr-defined]
    monkeypatch.setattr(steps.shutil, "disk_usage", lambda path: full)
    head = write_classifier(tmp_path / "head")
    done = prepare(packsight, tmp_path, *flags, "--classifier", head)
    assert done.code == 1 and "free" in done.line
    assert not (tmp_path / "out/u2net.onnx").exists()


def test_a_folder_that_was_moved_is_put_in_order_without_a_training(
    packsight: Command,
    tmp_path: Path,
    catalogue: Path,
    flags: list[str | Path],
    trainings: list[dict[str, Any]],
) -> None:
    more = ("--data", catalogue, "--weights", "none")
    prepare(packsight, tmp_path, *flags, *more)
    (tmp_path / "out").rename(tmp_path / "moved")
    done = packsight("prepare", "paper", "--out", tmp_path / "moved", *more)
    assert done.code == 0 and len(trainings) == 1
    written = read_profile(str(tmp_path / "moved/paper.toml"))
    assert str(tmp_path / "moved/u2net.onnx") == written.segment.options["weights"]


def test_parts_that_do_not_fit_leave_no_settings(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    head = write_classifier(tmp_path / "head")
    head.with_name("head.labels.txt").write_text("bottle\n")
    done = prepare(packsight, tmp_path, *flags, "--classifier", head)
    assert done.code == 1 and "labels" in done.line
    assert not (tmp_path / "out/paper.toml").exists()


def test_a_folder_whose_name_no_settings_file_can_hold_is_one_line(
    packsight: Command, tmp_path: Path, flags: list[str | Path]
) -> None:
    head = write_classifier(tmp_path / "head")
    odd = tmp_path / "caf\udce9"
    done = packsight("prepare", "paper", "--out", odd, *flags, "--classifier", head)
    assert done.code == 1 and "--out" in done.line and not odd.exists()


def test_a_record_that_cannot_be_read_records_nothing(tmp_path: Path) -> None:
    for text in ("", "[]", '{"u2net": 3}', "\x00"):
        (tmp_path / steps.RECORD).write_text(text)
        step = steps.Step("u2net", "", (tmp_path / "x",), str, lambda c: None, of_copy(0))
        assert not steps.Record(tmp_path).is_whole(step)


def test_a_step_that_fails_is_not_recorded(tmp_path: Path) -> None:
    def fail(callbacks: object) -> None:
        raise ConfigError("no")

    step = steps.Step("one", "", (tmp_path / "x",), str, fail, of_copy(0))
    with pytest.raises(ConfigError):
        steps.take_steps(tmp_path, (step,), steps.Callbacks(), print)
    assert not steps.whole_steps(tmp_path, (step,))
