"""Layers of settings: which wins, what is forgotten, and the error for an unknown key."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import SECTIONS, STAGES, Settings, StageSettings, load, overlay
from engine.errors import ConfigError


def test_the_later_layer_wins(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[route]\nmass = 0.5\nunsure_below = 0.2\n[ingest]\nbatch = 3\nworkers = 3\n")
    base = overlay(Settings(), {"route": {"mass": 0.4, "hard": True}}, "profile")
    settings = load(
        base,
        file=file,
        env={"PACKSIGHT_INGEST__BATCH": "4", "PACKSIGHT_INGEST__WORKERS": "4", "HOME": "/"},
        flags=["ingest.workers=5"],
    )
    assert (settings.route.hard, settings.route.mass, settings.route.unsure_below) == (
        True,
        0.5,
        0.2,
    )
    assert (settings.ingest.batch, settings.ingest.workers) == (4, 5)


def test_a_stage_that_changes_its_name_forgets_its_old_options() -> None:
    base = overlay(Settings(), {"embed": {"name": "handcrafted", "side": 64}}, "profile")
    kept = load(base, env={}, flags=["embed.cell=8"])
    assert kept.embed == StageSettings(name="handcrafted", options={"side": 64, "cell": 8})
    same = load(base, env={}, flags=["embed.name=handcrafted"])
    assert same.embed.options == {"side": 64}
    other = load(base, env={}, flags=["embed.name=onnx", "embed.weights=a.onnx"])
    assert other.embed == StageSettings(name="onnx", options={"weights": "a.onnx"})
    assert load(base, env={}, flags=["embed=onnx"]).embed.options == {}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("rute.mass=1", "unknown section 'rute'. Did you mean 'route'?"),
        ("route.mas=1", "Did you mean 'route.mass'?"),
        ("route.mass", "must read SECTION.KEY=VALUE"),
        ("=1", "must read SECTION.KEY=VALUE"),
        ("route.mass=2", "route.mass = 2: input should be less than or equal to 1."),
        ("route.mass=0", "greater than 0"),
        ("route.mass=nan", "route.mass"),
        ("ingest.batch=many", "ingest.batch = 'many': input should be a valid integer"),
        ("ingest.batch=1.5", "ingest.batch = 1.5"),
        ("route=hard", "route must be a table, not 'hard'"),
        ("images.max_side=0", "greater than or equal to 32"),
    ],
)
def test_an_invalid_flag_is_named_with_the_valid_ones(flag: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Settings(), env={}, flags=[flag])
    text = str(caught.value)
    assert message in text and flag in text and "\n" not in text
    if "unknown" in text:
        assert "route.mass" in text or all(section in text for section in SECTIONS)


def test_values_are_read_as_toml_and_else_as_text() -> None:
    flags = ["embed.a=1", "embed.b=true", "embed.c=[1, 2]", "embed.d=plain text", 'embed.e="1"']
    flags += ["embed.f=a=b", "embed.g=", "embed.h=-1.5"]
    options = load(Settings(), env={}, flags=flags).embed.options
    assert options == {
        "a": 1,
        "b": True,
        "c": [1, 2],
        "d": "plain text",
        "e": "1",
        "f": "a=b",
        "g": "",
        "h": -1.5,
    }


def test_the_environment_sets_stage_options_and_names_what_it_does_not_know() -> None:
    settings = load(Settings(), env={"PACKSIGHT_EMBED__SIDE": "64"})
    assert settings.embed.options == {"side": 64}
    assert load(Settings(), env={"PACKSIGHT_WEIGHTS_DIR": "/w"}) == Settings()
    assert load(Settings(), env={"PACKSIGHT_OFFLINE": "1"}) == Settings()
    for variable in ("PACKSIGHT_RUTE__MASS", "PACKSIGHT_ROUTE_MASS", "PACKSIGHT_DEBUG"):
        with pytest.raises(ConfigError, match=f"{variable}.*PACKSIGHT_ROUTE__KEY"):
            load(Settings(), env={variable: "1"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[route\n", "not valid TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"[rute]\nmass = 1", "Did you mean 'route'"),
        (b"route = 3", "route must be a table, not 3"),
        (b"[route]\nmass = 'a'", "route.mass = 'a'"),
    ],
)
def test_an_invalid_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(Settings(), file=file, env={})
    assert message in str(caught.value) and str(file) in str(caught.value)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such settings file"):
        load(Settings(), file=tmp_path / "none.toml", env={})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Settings(), file=tmp_path, env={})


def test_a_file_written_by_windows_is_read(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b"\xef\xbb\xbf[route]\r\nmass = 0.5\r\n")
    assert load(Settings(), file=file, env={}).route.mass == 0.5


values = st.booleans() | st.integers(-9, 9) | st.text(string.printable, max_size=5)
options = st.dictionaries(
    st.text(string.ascii_lowercase, min_size=1, max_size=6).filter(lambda key: key != "name"),
    values,
    max_size=3,
)
stages = st.builds(
    StageSettings, name=st.sampled_from(["whole", "none", "contour_iou"]), options=options
)


@given(
    stages=st.dictionaries(st.sampled_from(STAGES), stages),
    mass=st.floats(0.01, 1),
    batch=st.integers(1, 99),
)
def test_tables_read_back_are_the_same_settings(
    stages: dict[str, StageSettings], mass: float, batch: int
) -> None:
    settings = Settings(route={"mass": mass}, ingest={"batch": batch}, **stages)
    assert Settings.from_tables(settings.tables()) == settings
