"""A gallery copied from any home to any other holds what the first holds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from engine import copying as copying
from engine.copying import copy_gallery
from engine.curation import Curation
from engine.decisions import Exclusion
from engine.errors import FingerprintError, GalleryError, LockedError
from engine.galleries import (
    add_generation,
    delete_generation,
    gallery_exists,
    generations,
    open_gallery,
    uploads_folder,
    use_generation,
)
from engine.protocols import Gallery, WritableGallery
from engine.types import Embedding, Entry, GivenTable, SkippedFile
from online.service.uploads import Uploads
from packsight.cli import main
from tests.engine.made_adaptations import adaptation
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import described, entry, manifest
from tests.packsight_command import ENTRY, ROOT
from tests.postgres_server import PostgresServer
from tests.watched_processes import wait

CHUNK = 8
_NUMBERS = count()


_SERVER = pytest.mark.slow


@pytest.fixture(
    params=[
        ("folder", "folder"),
        pytest.param(("folder", "postgres"), marks=_SERVER),
        pytest.param(("postgres", "folder"), marks=_SERVER),
        pytest.param(("postgres", "postgres"), marks=_SERVER),
    ],
    ids="-".join,
)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Addresses to copy from and to."""

    def address(home: str, name: str) -> str:
        if home == "folder":
            return str(tmp_path / name)
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.address(schema=f"{name}_{next(_NUMBERS)}")

    return address(request.param[0], "origin"), address(request.param[1], "copy")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "CHUNK", CHUNK)


def fill(gallery: WritableGallery, images: int = 12) -> None:
    """With all that a gallery keeps."""
    entries = [
        replace(
            entry(f"i{number}", None if number % 3 == 0 else ("jar", "tin")[number % 2]),
            ctime_ns=number,
            inode=2**64 - 1 - number,
            mask="of a person" if number == 4 else None,
            overruled="cap" if number == 5 else None,
            attributes={"colour": "grün", "domain": "photo" if number % 2 else "catalogue"},
        )
        for number in range(images)
    ]
    descriptions = [
        replace(described((number, 1)), trust=number / (images + 1)) for number in range(images)
    ]
    unsure = descriptions[3]
    descriptions[3] = replace(unsure, scores=replace(unsure.scores, unknown=True))
    ids = gallery.add(entries, descriptions)
    gallery.remove(ids[1:2])
    gallery.withdraw(ids[6:8])
    gallery.adapt(adaptation(products=2))
    gallery.adapt(adaptation(catalogue_mean=(0, 1)))
    gallery.adapt_by(2, adaptation(products=5).report)
    gallery.calibrate(calibration())
    gallery.keep_skipped([SkippedFile("/a/b.jpg", 3, 1, 2, 2**63 + 1, reason="broken")])
    gallery.keep_label_table("/a", GivenTable("/a/labels.csv", "sha", 3))
    gallery.learn(np.eye(2, dtype=np.float32))


def facts(gallery: Gallery) -> dict[str, object]:
    learned, adapted = gallery.query_statistics(), gallery.adaptation()
    numbers = gallery.manifest.dimension if adapted is None else adapted.dimension
    return {
        "images": list(gallery.sources()),
        "withdrawn": gallery.withdrawn(),
        "counts": gallery.category_counts(),
        "adaptations": gallery.adaptations(),
        "adapted by": gallery.adapted_by(),
        "last fit": gallery.last_fit(),
        "off": gallery.adapting_is_off(),
        "calibration": gallery.calibration(),
        "skipped": gallery.skipped(),
        "label tables": gallery.label_tables(),
        "queries": None if learned is None else learned.count,
        "manifest": gallery.manifest,
        "found": gallery.search(Embedding(np.ones(numbers, np.float32)), 20),
    }


def test_a_copy_holds_what_its_origin_holds(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
        expected = facts(gallery)
    copied = copy_gallery(origin, to)
    with open_gallery(to, write=True) as copy:
        assert facts(copy) == expected
        assert copy.check() == []
        assert all(copy.copy_of())
        (new,) = copy.add([entry("new")], [described((9, 9))])
        assert new > max(source.id for source in expected["images"])  # type: ignore[attr-defined]
    assert (copied.images, copied.withdrawn) == (9, 2)


def test_an_adaptation_that_is_switched_off_stays_off(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
        gallery.adapt_by(None, off=True)
    copy_gallery(origin, to)
    with open_gallery(to) as copy:
        assert copy.adapted_by() is None and copy.adapting_is_off()
        assert list(copy.adaptations()) == [1, 2]


def test_a_copy_that_was_stopped_goes_on_and_takes_over_what_changed(ends: tuple[str, str]) -> None:
    origin, to = ends
    number = 5 * CHUNK
    with open_gallery(origin, manifest=manifest()) as gallery:
        ids = gallery.add(
            [entry(f"i{place}", ("jar", "tin")[place % 2]) for place in range(number)],
            [described((place, 1)) for place in range(number)],
        )
        gallery.withdraw(ids[3:6])

    def stop(done: int, total: int) -> None:
        assert total == 2 * (number - 3)
        if done == 2 * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_gallery(origin, to, progress=stop)
    with open_gallery(to) as copy:
        assert len(copy) == 2 * CHUNK
        assert [bool(one) for one in copy.copy_of()] == [True, False]
    with open_gallery(origin, write=True) as gallery:
        gallery.remove([ids[10]])
        gallery.restore([ids[3]])
        gallery.withdraw([ids[11]])
        moved = replace(entry("i12"), category="tin", product_id="other")
        gallery.amend({ids[12]: moved})
        gallery.add([entry("i20", "cap")], [described((7, 7), "cap")], ids=[ids[13]])
    copied = copy_gallery(origin, to)
    with open_gallery(origin) as gallery, open_gallery(to) as copy:
        assert facts_of_images(copy) == facts_of_images(gallery)
        assert copied.images == len(copy) == len(gallery)
        assert all(copy.copy_of())


# Stops for ever when a part is copied.
STALLING = """
import time
from engine import copying
change, seen = copying._change, []
def stalling(*given, **more):
    if len(seen) == 3:
        time.sleep(600)
    seen.append(change(*given, **more))
copying._change = stalling
"""


@pytest.mark.slow
@pytest.mark.parametrize("ends", [("folder", "postgres")], indirect=True)
def test_a_copy_that_was_killed_goes_on(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        for start in range(0, 1500, 500):
            places = range(start, start + 500)
            gallery.add(
                [entry(f"i{place}", ("jar", "tin")[place % 2]) for place in places],
                [described((place, 1)) for place in places],
            )
    line = [sys.executable, "-c", STALLING + ENTRY, "gallery", "copy", origin, to]
    with subprocess.Popen(line, cwd=ROOT) as process:
        assert wait(lambda: gallery_exists(to) and _length(to) > 0)
        process.kill()
    kept = _length(to)
    assert 0 < kept < 1500
    assert wait(lambda: _free(to))
    copied = copy_gallery(origin, to)
    assert copied.images == 1500
    with open_gallery(origin) as gallery, open_gallery(to) as copy:
        assert facts_of_images(copy) == facts_of_images(gallery)


def _length(address: str) -> int:
    with open_gallery(address) as gallery:
        return len(gallery)


def _free(address: str) -> bool:
    """A server has noticed that the writer was killed."""
    try:
        open_gallery(address, write=True).close()
    except LockedError:
        return False
    return True


def facts_of_images(gallery: Gallery) -> tuple[object, ...]:
    return (
        list(gallery.sources()),
        gallery.withdrawn(),
        gallery.categories(),
        gallery.search(Embedding(np.ones(2, np.float32)), 300),
    )


def test_what_people_decided_comes_along(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery, Curation.open(origin) as curation:
        gallery.add([entry("a"), entry("b")], [described((1, 0)), described((2, 0))])
        curation.decide([Exclusion("a" * 64, True), Exclusion("a" * 64, False)], "Kim")
        gallery.keep_curated_to(curation.latest())
    assert copy_gallery(origin, to).decisions == 2
    with open_gallery(to) as copy, Curation.open(origin) as given, Curation.open(to) as kept:
        assert list(kept.log()) == list(given.log())
        assert kept.since(copy.curated_to(), 9)[0] == []


def test_a_gallery_with_images_is_not_copied_over(ends: tuple[str, str]) -> None:
    origin, to = ends
    for address, number in zip(ends, (1, 2), strict=True):
        with open_gallery(address, manifest=manifest()) as gallery:
            gallery.add([entry("a")], [described((number, 0))])
    with pytest.raises(GalleryError, match="already"):
        copy_gallery(origin, to)
    with pytest.raises(GalleryError, match="itself"):
        copy_gallery(origin, origin)


def test_a_gallery_of_other_stages_is_not_copied_over(tmp_path: Path) -> None:
    origin, to = tmp_path / "origin", tmp_path / "copy"
    for address, fingerprint in ((origin, "f" * 64), (to, "0" * 64)):
        with open_gallery(address, manifest=manifest(fingerprint=fingerprint)) as gallery:
            gallery.add([entry("a")], [described((1, 0))])
    with pytest.raises(FingerprintError) as caught:
        copy_gallery(origin, to)
    assert "gallery migrate" in caught.value.remedy


def test_the_command_shows_one_digest_of_both_and_names_an_image_that_differs(
    ends: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        gallery.add([entry("a"), entry("b")], [described((1, 0)), described((2, 0))])
    change = copying._change

    def wrong(*given: object, withdrawn: bool) -> None:
        change(*given, withdrawn=withdrawn)  # type: ignore[arg-type]
        if not withdrawn:
            given[0].amend({2: replace(entry("b"), product_id="other")})  # type: ignore[attr-defined]

    monkeypatch.setattr(copying, "_change", wrong)
    assert main(["gallery", "copy", origin, to]) == 1
    assert "image 2" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["gallery", "copy", origin, to, "--quiet"]) == 0
    assert "2 images; both have digest" in capsys.readouterr().out
    assert main(["gallery", "copy", origin, to]) == 0
    assert "2 images; both have digest" in capsys.readouterr().out


def test_a_copy_that_is_whole_is_left_as_it_is(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
        expected = facts(gallery)
    first = copy_gallery(f"{origin}&application_name=a" if "?" in origin else origin, to)
    counted: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_change", None)
        again = copy_gallery(origin, to, progress=lambda *one: counted.append(one))
        back = copy_gallery(to, origin)
    assert first == again == replace(back, address=first.address)
    assert counted[-1] == (11, 11)
    with open_gallery(to) as copy:
        assert facts(copy) == expected
        assert all(copy.copy_of())


def test_a_copy_is_brought_up_to_date(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
    copy_gallery(origin, to)
    with open_gallery(to, write=True) as copy:
        copy.keep_adaptation(3, adaptation(catalogue_mean=(5, 5)))
        copy.learn(np.array([[-3, 1], [1, -3]], np.float32))
    with open_gallery(origin, write=True) as gallery:
        gallery.add([entry("new", "cap")], [described((7, 7), "cap")])
        gallery.remove(gallery.ids_after(0, 1))
        gallery.restore([gallery.withdrawn()[0].id])
        gallery.adapt(adaptation(catalogue_mean=(2, 1)))
        gallery.calibrate(None)
        expected = facts(gallery)
        identity = gallery.adaptation().identity  # type: ignore[union-attr]
    copied = copy_gallery(origin, to)
    with open_gallery(to) as copy:
        kept = facts(copy)
        assert copied.images == len(copy)
        assert copy.adaptation().identity == identity  # type: ignore[union-attr]
        assert copy.calibration() is None
        assert copy.query_statistics().count == 4  # type: ignore[union-attr]
        assert copy.check() == []
    for name in ("images", "withdrawn", "counts", "found", "last fit", "skipped"):
        assert kept[name] == expected[name]
    with open_gallery(origin, write=True) as gallery:
        gallery.calibrate(calibration())
    copy_gallery(origin, to)
    with open_gallery(to) as copy:
        assert copy.calibration() == calibration()


def migrate(address: str, fingerprint: str = "0" * 64) -> None:
    """The same images, described by other models as vectors of three numbers."""
    name = add_generation(address, manifest(3, fingerprint))
    with open_gallery(address) as old, open_gallery(address, write=True, generation=name) as new:
        sources = list(old.sources())
        new.add(
            [source.entry for source in sources],
            [described((source.id, 1, 2)) for source in sources],
            ids=[source.id for source in sources],
        )
    use_generation(address, name)


def test_a_copy_of_a_gallery_that_was_migrated_since_gets_the_generation_beside_its_own(
    ends: tuple[str, str],
) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
        older = facts(gallery)
    copy_gallery(origin, to)
    migrate(origin)
    with open_gallery(origin, write=True) as gallery:
        gallery.remove([3])
        gallery.keep_lacked([3, 99])  # 99 came to the origin after it was copied
        expected = facts(gallery)
    copied = copy_gallery(origin, to)
    assert copied == copy_gallery(origin, to)
    there = generations(to)
    assert there.before == "1" and set(there.names) == {"1", there.current}
    with open_gallery(to) as copy, open_gallery(to, generation="1") as before:
        assert facts(copy) == expected
        assert facts(before) == older
        assert copy.lacked() == [3]
        assert copy.check() == []
    use_generation(origin, "1")
    copy_gallery(origin, to)
    there = generations(to)
    assert len(there.names) == 2 and there.before == str(int(there.current) - 1)
    with open_gallery(to) as copy:
        assert facts(copy) == older


def test_until_the_new_generation_is_whole_the_one_before_is_in_use(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery, 30)
        older = facts(gallery)
    copy_gallery(origin, to)
    migrate(origin)
    with open_gallery(origin) as gallery:
        expected = facts(gallery)
    for stopped in (CHUNK, 2 * CHUNK, 27 + CHUNK, 2 * 27):

        def stop(done: int, total: int, at: int = stopped) -> None:
            with open_gallery(to) as copy:
                assert facts(copy) == older
            with pytest.raises(LockedError):
                open_gallery(to, write=True)
            if done >= at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copy_gallery(origin, to, progress=stop)
        assert generations(to).current == "1"
        assert len(generations(to).names) == 2
    copy_gallery(origin, to)
    with open_gallery(to) as copy:
        assert facts(copy) == expected


@pytest.mark.parametrize("change", ["images", "another migration"])
def test_a_copy_that_would_lose_something_gets_no_other_generation(
    tmp_path: Path, change: str
) -> None:
    origin, to = tmp_path / "origin", tmp_path / "copy"
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
    copy_gallery(origin, to)
    migrate(str(origin))
    if change == "images":
        with open_gallery(to, write=True) as copy:
            copy.add([entry("new")], [described((9, 9))])
    else:  # which the origin has no more to compare with
        migrate(str(origin), "1" * 64)
        delete_generation(origin, "1")
    with open_gallery(to) as copy:
        expected = facts(copy)
    with pytest.raises(GalleryError, match=r"changed itself|described"):
        copy_gallery(origin, to)
    assert generations(to).names == ("1",)
    with open_gallery(to) as copy:
        assert facts(copy) == expected


@pytest.mark.parametrize("change", ["images", "withdrawn", "adaptation", "calibration"])
def test_a_copy_that_was_changed_itself_is_not_written_over(tmp_path: Path, change: str) -> None:
    origin, to = tmp_path / "origin", tmp_path / "copy"
    with open_gallery(origin, manifest=manifest()) as gallery:
        fill(gallery)
    copy_gallery(origin, to)
    with open_gallery(to, write=True) as copy:
        if change == "images":
            copy.add([entry("new")], [described((9, 9))])
        elif change == "withdrawn":
            copy.remove([copy.withdrawn()[0].id])
        elif change == "adaptation":
            copy.adapt_by(None)
        else:
            copy.calibrate(None)
        expected = facts(copy)
    for _ in range(2):  # a change of the origin does not matter
        with pytest.raises(GalleryError, match=r"changed itself|otherwise"):
            copy_gallery(origin, to)
        with open_gallery(to) as copy:
            assert facts(copy) == expected
        with open_gallery(origin, write=True) as gallery:
            gallery.add([entry("more")], [described((8, 8))])


def test_a_decision_of_the_copy_is_still_to_be_carried_out(tmp_path: Path) -> None:
    origin, to = tmp_path / "origin", tmp_path / "copy"
    with open_gallery(origin, manifest=manifest()) as gallery, Curation.open(origin) as curation:
        gallery.add([entry("a"), entry("b")], [described((1, 0)), described((2, 0))])
        curation.decide([Exclusion("a" * 64, True)], "Kim")
        gallery.keep_curated_to(curation.latest())
    copy_gallery(origin, to)
    with Curation.open(to) as curation:
        curation.decide([Exclusion("b" * 64, True)], "Kim")
    copy_gallery(origin, to)
    with open_gallery(to) as copy, Curation.open(to) as kept:
        assert kept.since(copy.curated_to(), 9)[0] == ["b" * 64]


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of the user's folders."""
    monkeypatch.setenv("PACKSIGHT_UPLOADS_DIR", str(tmp_path / "of-services"))


def sent(address: str, content: bytes, product: str = "tin/p0") -> Entry:
    """An image as a service stores it."""
    uploads = Uploads(address)
    sha256 = uploads.keep(product, content)
    return uploads.entry(product, sha256)


@pytest.mark.usefixtures("uploads")
def test_files_that_a_service_stored_come_along(ends: tuple[str, str]) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        entries = [sent(origin, b"one"), sent(origin, b"two"), entry("a")]
        ids = gallery.add(entries, [described((number, 1)) for number in range(3)])
        gallery.withdraw(ids[:1])
    copied = copy_gallery(origin, to)
    assert (copied.uploads, copied.without_file) == (2, 0)
    with open_gallery(to) as copy:
        kept = [*copy.withdrawn(), *copy.sources()]
    assert [source.id for source in kept] == ids
    assert [Path(source.uri).parent for source in kept[:2]] == [uploads_folder(to)] * 2
    assert [Path(source.uri).read_bytes() for source in kept[:2]] == [b"one", b"two"]
    assert kept[1].entry == Uploads(to).entry("tin/p0", kept[1].sha256)
    assert kept[2].uri == entry("a").uri
    # Without the origin's: the copy has its own, and is whole.
    for one in entries[:2]:
        Path(one.uri).unlink()
    assert copy_gallery(origin, to) == copied


@pytest.mark.usefixtures("uploads")
def test_a_file_that_a_service_stored_elsewhere_is_brought_once_it_is_there(
    ends: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    origin, to = ends
    with open_gallery(origin, manifest=manifest()) as gallery:
        one = sent(origin, b"one")
        ids = gallery.add([one, entry("a")], [described((1, 1)), described((2, 1))])
        gallery.withdraw(ids[1:])
    Path(one.uri).write_bytes(b"another")
    assert main(["gallery", "copy", origin, to, "--quiet"]) == 0
    assert "1 uploads are not here" in capsys.readouterr().err
    with open_gallery(to) as copy:
        assert [source.uri for source in copy.sources()] == [one.uri]
    Path(one.uri).write_bytes(b"one")
    assert copy_gallery(origin, to).without_file == 0
    with open_gallery(to) as copy:
        (source,) = copy.sources()
    assert Path(source.uri).parent == uploads_folder(to)
    assert Path(source.uri).read_bytes() == b"one"
