"""One factory for every address of a gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import GalleryError
from engine.galleries import HOMES, gallery_exists, gallery_identity, is_gallery, open_gallery
from engine.galleries.local import LocalGallery
from tests.engine.made_descriptions import described, entry, manifest

DO = [open_gallery, gallery_exists, gallery_identity]


@pytest.mark.parametrize("name", ["g", "C:/g", "with: colon/g"])
def test_an_address_without_a_scheme_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not gallery_exists(name)
    open_gallery(name, manifest=manifest()).close()
    assert gallery_exists(name)
    assert is_gallery(Path(name))
    with open_gallery(name) as gallery:
        assert (gallery.name, len(gallery)) == (name, 0)


@pytest.mark.parametrize("do", DO)
@pytest.mark.parametrize(
    "address", ["milvus://user@host/name", "S3://bucket/g", Path("milvus://host/name")]
)
def test_an_unknown_scheme_is_named_with_those_that_are_known(
    do: Callable[[str | Path], object], address: str | Path
) -> None:
    with pytest.raises(GalleryError) as caught:
        do(address)
    assert str(address) in caught.value.message
    assert "folder" in caught.value.remedy


def test_a_home_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Elsewhere(LocalGallery):
        @classmethod
        def exists(cls, folder: str | Path) -> bool:
            return str(folder) == "elsewhere://here"

    monkeypatch.setattr("engine.galleries.local.Elsewhere", Elsewhere, raising=False)
    monkeypatch.setitem(HOMES, "elsewhere", "engine.galleries.local:Elsewhere")
    assert gallery_exists("elsewhere://here")
    with pytest.raises(GalleryError) as caught:
        open_gallery("other://there")
    assert "elsewhere://" in caught.value.remedy


def test_a_manifest_opens_for_writing_and_creates_once(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    with open_gallery(tmp_path / "g", manifest=manifest()) as gallery:
        assert len(gallery) == 1


def test_only_what_was_opened_for_writing_can_be_written(tmp_path: Path) -> None:
    open_gallery(tmp_path / "g", manifest=manifest()).close()
    with LocalGallery.open(tmp_path / "g") as reader, pytest.raises(GalleryError):
        reader.remove([1])


def test_a_gallery_that_is_made_anew_has_another_identity(tmp_path: Path) -> None:
    open_gallery(tmp_path / "g", manifest=manifest()).close()
    before = gallery_identity(tmp_path / "g")
    assert gallery_identity(tmp_path / "g") == before
    (tmp_path / "g").rename(tmp_path / "old")
    open_gallery(tmp_path / "g", manifest=manifest()).close()
    assert gallery_identity(tmp_path / "g") != before
