"""`packsight train compact --from compact`: its plan, its refusal, and all of it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from engine.config import load
from engine.errors import ConfigError
from offline.prepare import tuning
from offline.prepare.compact import SETTINGS
from offline.prepare.tuning import Tuning, plan_tuning
from offline.train.recipe_file import read_recipes, shipped_recipes
from packsight.cli import main
from stages.profiles import read_profile
from tests.drawn_catalogue import write_catalogue
from tests.offline.train.embedder.stripe_pictures import write_stripes
from tests.packsight_command import Command
from weights.cache import shipped_path
from weights.catalog import find_entry, load_catalog

WHOLE = ("segment.name=whole", "cutout.name=whole", "cutout.size=160", "runtime.threads=1")


def tuned(data: Path, minutes: float = 60, **embedder: object) -> Tuning:
    recipes = read_recipes(shipped_recipes("fine-tune"))
    recipes = {"embedder": {**recipes["embedder"], **embedder}}
    return Tuning(data / "out", (data,), recipes, load(read_profile("compact")), minutes)


def test_a_plan_states_what_is_learned_and_judged_and_fits_the_time(tmp_path: Path) -> None:
    write_catalogue(tmp_path, products=40, views=3)
    plans = {minutes: plan_tuning(tuned(tmp_path, minutes)) for minutes in (60, 3, 1.6)}
    for minutes, plan in plans.items():
        assert [step.name for step in plan.steps] == ["before", "embedder", "after", "settings"]
        assert sum(step.estimate.seconds for step in plan.steps) <= 60 * minutes
    reads = {minutes: plan.steps[1].reads for minutes, plan in plans.items()}
    assert "20 epochs" in reads[60] and "252 images" in reads[60]
    assert "252 images" in reads[3] and "20 epochs" not in reads[3]
    assert "no time for" in reads[1.6] and "3 epochs" in reads[1.6]
    assert not (tmp_path / "out").exists()


def test_without_time_network_or_products_of_several_images_nothing_starts(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "many", products=5, views=3)
    write_catalogue(tmp_path / "single", products=5, views=1)
    with pytest.raises(ConfigError, match="minutes"):
        plan_tuning(tuned(tmp_path / "many", 0.5))
    with pytest.raises(ConfigError, match="0 products with several images"):
        plan_tuning(tuned(tmp_path / "single"))
    classic = load(read_profile("classic"))
    with pytest.raises(ConfigError, match="no network"):
        plan_tuning(Tuning(tmp_path / "out", (tmp_path / "many",), {}, classic))


def test_flags_that_do_not_go_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    command = Command(capsys)
    assert "--from" in command("train", "compact", "--data", ".", "--minutes", "5").line
    assert "--small" in command("train", "compact", "--small", "--from", "compact").line
    assert "classic" in command("train", "compact", "--data", ".", "--from", "nothing").line


def test_what_is_not_better_leaves_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "data", products=4, views=2)
    started: list[str] = []

    def learns_nothing(dataset, out, recipe, settings, **given):  # type: ignore[no-untyped-def]
        started.append(recipe.network.weights)
        held = shipped_path(find_entry("embedder_compact", load_catalog()))
        out.mkdir()
        for path in (held, held.with_suffix(".toml")):
            shutil.copy(path, out / f"embedder{path.suffix}")
        return SimpleNamespace(model=out / "embedder.onnx")

    monkeypatch.setattr(tuning, "train_embedder", learns_nothing)
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    out = tmp_path / "out"
    flags = ["train", "compact", "--from", "compact", "--data", str(tmp_path / "data")]
    flags += ["--out", str(out), "--quiet", "--minutes", "900"]
    flags += [part for one in WHOLE for part in ("--set", one)]
    for _ in range(2):  # once more: it is judged again
        done = Command(capsys)(*flags)
        assert done.code == 1 and done.line.count("mAP") == 1 and "not better" in done.line
        assert not (out / SETTINGS).exists()
    assert started == ["embedder_compact"]


def test_without_torch_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_catalogue(tmp_path / "data", products=4, views=2)
    monkeypatch.setitem(sys.modules, "torch", None)
    flags = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--minutes", "900"]
    done = Command(capsys)("train", "compact", "--from", "compact", *flags)
    assert done.code == 1 and "packsight[train]" in done.line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_all_steps_are_taken_and_what_is_better_can_be_ingested_with(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    write_stripes(tmp_path / "data")
    flags = ["train", "compact", "--from", "compact", "--data", str(tmp_path / "data")]
    flags += ["--out", str(tmp_path / "out"), "--quiet", "--recipe", str(_recipe(tmp_path))]
    flags += ["--minutes", "900"]  # the same steps on a busy machine
    flags += [part for one in WHOLE for part in ("--set", one)]
    settings = tmp_path / "out" / SETTINGS
    if main(flags):  # two products choose the epoch: of two runs one was better
        assert (tmp_path / "out" / "embedder.onnx").exists() and not settings.exists()
        return
    gallery = ["--gallery", str(tmp_path / "gallery")]
    ingest = ["ingest", str(tmp_path / "data"), *gallery, "--config", str(settings), "--quiet"]
    assert main(ingest) == 0
    assert main(["query", str(next((tmp_path / "data").rglob("*.png"))), *gallery]) == 0
    before = settings.stat().st_mtime_ns
    assert main(flags) == 0 and settings.stat().st_mtime_ns == before


def _recipe(folder: Path) -> Path:
    """Few steps, fast."""
    path = folder / "recipe.toml"
    text = shipped_recipes("fine-tune").read_text("utf-8")
    text = text.replace("epochs = 20", "epochs = 6").replace("3e-4", "1e-3")
    text = text.replace("products_per_batch = 16", "products_per_batch = 8")
    path.write_text(text, "utf-8")
    return path
