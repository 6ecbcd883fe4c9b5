"""Ingest from object stores: one in memory, and an S3 server on loopback."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.object_stores import StorePath
from offline import ingest
from offline.ingest.report import IngestReport
from tests.drawn_catalogue import QUICK, package, write_catalogue
from tests.offline.gallery_contents import content

fsspec = pytest.importorskip("fsspec")
Run = Callable[..., IngestReport]
FOLDER = "memory://shop/catalogue"


@pytest.fixture
def store() -> Iterator[object]:
    """With the catalogue of the fixture of that name."""
    found = fsspec.filesystem("memory")
    found.store.clear()
    yield found
    found.store.clear()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(folder: str = FOLDER, **options: object) -> IngestReport:
        given = {"overrides": QUICK, "workers": 1, **options}
        report = ingest(folder, tmp_path / "gallery", **given)  # type: ignore[arg-type]
        with open_gallery(tmp_path / "gallery") as gallery:
            assert gallery.check() == []
        return report

    return run


def png(category: str, product: int, view: int = 0) -> bytes:
    out = io.BytesIO()
    Image.fromarray(package(category, product, view)).save(out, "PNG")
    return out.getvalue()


def fill(store: object, root: str = "/shop/catalogue") -> None:
    for category in ("bottle", "jar", "stick"):
        for product in range(2):
            for view in range(2):
                name = f"{root}/{category}/p{product}/v{view}.png"
                store.pipe_file(name, png(category, product, view))  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_store_gives_the_gallery_that_a_folder_gives(
    store: object, run: Run, tmp_path: Path
) -> None:
    fill(store)
    assert run().added == 12
    write_catalogue(tmp_path / "disk")
    ingest(tmp_path / "disk", tmp_path / "other", overrides=QUICK, workers=1)
    with open_gallery(tmp_path / "gallery") as one, open_gallery(tmp_path / "other") as other:
        stored = {r.uri: r for r in one.records([source.id for source in one.sources()])}
        on_disk = other.records([source.id for source in other.sources()])
    assert len(stored) == len(on_disk) == 12
    for record in on_disk:
        relative = Path(record.uri).relative_to(tmp_path / "disk").as_posix()
        assert content(stored[f"{FOLDER}/{relative}"]) == content(record)


def test_what_looks_as_before_is_not_read_again(
    store: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    run()

    def refuse(path: StorePath, most: int = 0) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(StorePath, "read_bytes", refuse)
    again = run()
    assert (again.unchanged, again.added, again.updated) == (12, 0, 0)


def test_changed_moved_and_deleted_objects_are_noticed(store: object, run: Run) -> None:
    fill(store)
    run()
    store.mv(  # type: ignore[attr-defined]
        "/shop/catalogue/jar/p1/v1.png", "/shop/catalogue/jar/p1/side.png"
    )
    store.pipe_file(  # type: ignore[attr-defined]
        "/shop/catalogue/jar/p0/v0.png", png("jar", 9, 1)
    )
    store.rm("/shop/catalogue/stick/p1/v0.png")  # type: ignore[attr-defined]
    report = run()
    assert (report.updated, report.renamed, report.unchanged) == (1, 1, 9)
    assert report.missing == [f"{FOLDER}/stick/p1/v0.png"]
    assert run(prune=True).removed == 1


@pytest.mark.slow
def test_tables_and_json_beside_images_are_read(store: object, run: Run, tmp_path: Path) -> None:
    fill(store)
    table = b"path,colour\njar/p0/v0.png,red\nmemory://shop/catalogue/jar/p1,blue\n"
    store.pipe_file("/shop/catalogue/labels.csv", table)  # type: ignore[attr-defined]
    beside = b'{"product": "other", "size": "xl"}'
    store.pipe_file("/shop/catalogue/stick/p0/v0.json", beside)  # type: ignore[attr-defined]
    report = run()
    assert not report.lost_rows
    with open_gallery(tmp_path / "gallery") as gallery:
        found = {s.uri.removeprefix(f"{FOLDER}/"): s for s in gallery.sources()}
    assert found["jar/p0/v0.png"].attributes == {"colour": "red"}
    assert found["jar/p1/v1.png"].attributes == {"colour": "blue"}
    assert found["stick/p0/v0.png"].product_id == "other"
    assert found["stick/p0/v0.png"].attributes == {"size": "xl"}


@pytest.mark.slow
def test_what_cannot_be_read_is_a_line_and_stops_nothing(
    store: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    store.pipe_file("/shop/catalogue/jar/broken.png", b"no image")  # type: ignore[attr-defined]
    read = StorePath.read_bytes

    def fail(path: StorePath, most: int = 2**20) -> bytes:
        if path.name == "v0.png" and path.parent.name == "p0":
            raise OSError(5, "the store cannot be reached")
        return read(path, most)

    monkeypatch.setattr(StorePath, "read_bytes", fail)
    report = run()
    assert report.added == 9
    assert sorted(Path(refusal.uri).name for refusal in report.refused) == [
        "broken.png", "v0.png", "v0.png", "v0.png",
    ]  # fmt: skip
    monkeypatch.undo()
    assert run().added == 3  # what could not be fetched is tried again


@pytest.mark.slow
def test_hidden_and_system_folders_are_passed_over(store: object, run: Run) -> None:
    fill(store)
    for name in (".trash/a.png", "jar/.hidden.png", "@eaDir/b.png", "notes.txt"):
        store.pipe_file(f"/shop/catalogue/{name}", b"?")  # type: ignore[attr-defined]
    report = run()
    assert report.added == 12 and not report.refused
    assert sum(report.passed_over.values()) == 4


def test_an_empty_or_unknown_address_is_refused(store: object, run: Run) -> None:
    with pytest.raises(ConfigError):
        run("memory://shop/none")
    with pytest.raises(ConfigError):
        run("http://shop/none")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """An S3 server on loopback with a bucket."""
    server_of_moto = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    from engine import object_stores

    server = server_of_moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "two")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    object_stores._opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem(use_listings_cache=False)
    if not store.exists("pictures"):  # moto keeps one state for all its servers
        store.mkdir("pictures")
    yield store
    server.stop()
    object_stores._opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.slow
def test_a_bucket_is_ingested_once_and_then_followed(
    bucket: object, run: Run, tmp_path: Path
) -> None:
    fill(bucket, "pictures/shop")
    bucket.pipe_file("pictures/shop/empty.png", b"")  # type: ignore[attr-defined]
    bucket.pipe_file("pictures/shop//twice.png", b"?")  # type: ignore[attr-defined]
    bucket.touch("pictures/shop/placeholder/")  # type: ignore[attr-defined]
    report = run("s3://pictures/shop/", workers=2)
    assert report.added == 12 and len(report.refused) == 2
    again = run("s3://pictures/shop")
    assert again.unchanged == 12 and not again.changed
    name = "pictures/shop/jar/é #1?.png"
    bucket.mv("pictures/shop/jar/p0/v0.png", name)  # type: ignore[attr-defined]
    bucket.rm("pictures/shop/jar/p0/v1.png")  # type: ignore[attr-defined]
    report = run("s3://pictures/shop", prune=True)
    assert (report.renamed, report.removed) == (1, 1)
    with open_gallery(tmp_path / "gallery") as gallery:
        assert gallery.find(uri=f"s3://{name}")


@pytest.mark.slow
def test_a_bucket_that_cannot_be_read_is_explained(
    bucket: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import object_stores

    with pytest.raises(ConfigError) as caught:
        run("s3://nowhere/shop")
    assert "bucket" in caught.value.message
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    object_stores._opened.cache_clear()
    type(bucket).clear_instance_cache()  # type: ignore[attr-defined]
    with pytest.raises(ConfigError) as caught:
        run("s3://pictures/shop")
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


@pytest.mark.slow
def test_an_object_is_read_once_unless_its_tag_is_known(
    bucket: object, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bucket, "pictures/once")
    run("s3://pictures/once")
    one, other = png("jar", 21), png("stick", 22)
    size = max(len(one), len(other), len(png("jar", 0)))
    known = png("jar", 0).ljust(size, b"\0")  # decoders stop at the end of an image
    bucket.pipe_file("pictures/once/jar/p5/a.png", known)  # type: ignore[attr-defined]
    assert run("s3://pictures/once").added == 1
    reads: list[str] = []
    read = StorePath.read_bytes

    def counted(path: StorePath, most: int = 2**20) -> bytes:
        reads.append(path.name)
        return read(path, most)

    monkeypatch.setattr(StorePath, "read_bytes", counted)
    bucket.pipe_file(  # type: ignore[attr-defined]
        "pictures/once/jar/p6/of that size.png", one.ljust(size, b"\0")
    )
    bucket.pipe_file("pictures/once/jar/p5/copy.png", known)  # type: ignore[attr-defined]
    report = run("s3://pictures/once")
    assert (report.added, len(report.duplicates), report.unchanged) == (1, 1, 13)
    assert sorted(reads) == ["copy.png", "of that size.png"]


@pytest.mark.slow
def test_the_service_shows_images_of_a_bucket(bucket: object, run: Run, tmp_path: Path) -> None:
    from tests.online.service.small_service import serving

    fill(bucket, "pictures/shown")
    assert run("s3://pictures/shown", prune=True).images == 12
    with open_gallery(tmp_path / "gallery") as gallery:
        source = next(iter(gallery.sources()))
    with serving(tmp_path / "gallery") as client:
        whole = client.get(f"/v1/images/{source.id}")
        small = client.get(f"/v1/images/{source.id}/thumbnail")
    assert (whole.status_code, small.status_code) == (200, 200)
    assert hashlib.sha256(whole.content).hexdigest() == source.sha256
