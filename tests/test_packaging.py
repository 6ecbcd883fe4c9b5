"""The project's own files: dependency lists that agree, locks that name no host, doors."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from packsight._shadowing import PACKAGES
from weights.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower()


def test_the_dev_group_holds_every_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    dev = [entry for entry in PROJECT["dependency-groups"]["dev"] if isinstance(entry, str)]
    assert {requirement for extra in extras.values() for requirement in extra} == set(dev)


def test_the_base_install_is_light() -> None:
    heavy = {"torch", "torchvision", "tensorflow", "keras", "rembg", "mitsuba", "fastapi"}
    assert not heavy & set(map(_name, PROJECT["project"]["dependencies"]))
    run = (ROOT / "requirements" / "run.txt").read_text()
    assert not heavy & set(re.findall(r"^([a-z0-9-]+)==", run, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_with_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text and "--index-url" not in text and "--find-links" not in text
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", text, re.M)
    assert len(pinned) == len(re.findall(r"^[A-Za-z0-9_.-]+==", text, re.M)) > 10


def test_each_lock_contains_the_one_before_it() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^[A-Za-z0-9_.-]+==[^\s;\\]+", text, re.M))

    assert pins("run") <= pins("test") <= pins("dev")


def test_every_package_that_holds_weights_is_pinned_by_the_extra_and_the_lock() -> None:
    extra = PROJECT["project"]["optional-dependencies"]["train"]
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    packages = {entry.package for entry in load_catalog().values() if entry.package}
    assert packages
    for package in packages:  # another version may hold other weights than the checksum's
        (pinned,) = [line for line in extra if _name(line) == package]
        assert re.fullmatch(rf"{package}==[\d.]+", pinned) and f"\n{pinned} \\" in locked


def test_the_wheel_carries_the_licence_and_the_notice_of_other_makers() -> None:
    assert {"LICENSE", "NOTICE"} <= set(PROJECT["project"]["license-files"])
    sources = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"/LICENSE", "/NOTICE"} <= set(sources)
    notice = (ROOT / "NOTICE").read_text()
    makers = ("Google", "ML Illustrated")
    packages = [entry.package for entry in load_catalog().values() if entry.package]
    assert all(name in notice for name in (*makers, *packages))


def test_every_dependency_is_locked() -> None:
    text = (ROOT / "requirements" / "run.txt").read_text()
    locked = set(re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.M))
    assert set(map(_name, PROJECT["project"]["dependencies"])) <= locked


def test_every_package_of_the_wheel_is_guarded_against_others_of_its_name() -> None:
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {"packsight", *PACKAGES} == set(shipped)


def test_the_code_names_no_machine() -> None:
    marks = re.compile(r"(^|[^A-Za-z.])/(work|farm|root)/|/home/[a-z]+/")
    suffixes = {".py", ".md", ".toml", ".html", ".css", ".yaml", ""}
    here = Path(__file__)
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    made = {name.strip("/") for name in ignored}  # such as demo-output, which names its images
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts) or parts[0] in made
        if path.is_file() and path.suffix in suffixes and not hidden and path != here:
            found = marks.search(path.read_text("utf-8", "replace"))
            assert found is None, f"{path}: {found.group()}"
