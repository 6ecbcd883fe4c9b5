"""A service that is killed: what it had acknowledged is done after its next start."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest

from engine.curation import Curation
from engine.decisions import CategoryDecision, Exclusion, Mask, MaskDecision
from engine.files import file_sha256
from engine.galleries import open_gallery
from engine.images import ImageLimits
from engine.protocols import Gallery, WritableGallery
from engine.retrieval import AdaptedNeighbours
from online.service.applying import Applying
from online.service.changes import Change
from online.service.jobs import JobTable
from online.service.uploads import Uploads
from packsight.commands.serve import GRACE
from stages.assemble import assemble
from stages.open_settings import settings_for
from tests.online.service.small_service import make_gallery, photo_of, png
from tests.watched_processes import wait

ROOT = Path(__file__).parents[3]
ENTRY = "import sys; from packsight.cli import main; sys.exit(main())"


MASK = Mask.from_bits(np.tri(32, dtype=np.bool_))
WRITES = ("add", "amend", "remove", "withdraw", "restore", "keep_curated_to")


class _KilledError(BaseException):
    """In place of a signal, between two steps of a change."""


class _Dying:
    """A gallery whose process is killed before or after its n-th write."""

    def __init__(self, gallery: WritableGallery, writes: int, *, after: bool) -> None:
        self._gallery = gallery
        self._left = writes
        self._after = after

    def __getattr__(self, name: str) -> object:
        found = getattr(self._gallery, name)
        return partial(self._write, found) if name in WRITES else found

    def __len__(self) -> int:
        return len(self._gallery)

    def _write(self, write: object, *given: object) -> object:
        self._left -= 1
        if not self._left and not self._after:
            raise _KilledError
        result = write(*given)  # type: ignore[operator]
        if not self._left:
            raise _KilledError
        return result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("killed"))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("kind", ["replace", "add", "delete", "delete matching"])
def test_a_change_that_was_cut_off_anywhere_ends_the_same_when_carried_out_again(
    made: Path, tmp_path: Path, kind: str, writes: int, after: bool
) -> None:
    folder = shutil.copytree(made, tmp_path / "gallery")
    uploads = Uploads(folder)
    known = (made.parent / "catalogue/jar/p0/v1.png").read_bytes()
    images = [known, photo_of("jar", 0, 2), photo_of("jar", 9, 1)]
    change = Change(
        kind=kind,  # type: ignore[arg-type]
        product="jar/p0",
        category="stick" if kind == "replace" else None,
        images=tuple(uploads.keep("jar/p0", image) for image in images),
        categories=("jar",),
    )
    with open_gallery(folder, write=True) as gallery, Curation.open(folder) as curation:
        applying = applying_to(gallery, curation, uploads)
        try:
            carry_out(applying(_Dying(gallery, writes, after=after)), change)  # type: ignore[arg-type]
        except _KilledError:
            carry_out(applying(gallery), change)
        applying(gallery).index()
        held = {(source.product_id, source.sha256, source.category) for source in gallery.sources()}
        assert gallery.check() == []
    expected = expected_after(change, made.parent / "catalogue")
    assert held == expected and len(held) == len(expected)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", range(1, 6))
def test_decisions_that_were_cut_off_anywhere_are_carried_out_at_the_next_start(
    made: Path, tmp_path: Path, writes: int, after: bool
) -> None:
    folder = shutil.copytree(made, tmp_path / "gallery")
    with open_gallery(folder, write=True) as gallery, Curation.open(folder) as curation:
        back, out, drawn, given, *_ = gallery.sources()
        (excluded,) = curation.decide([Exclusion(back.sha256)])
        gallery.withdraw([back.id])
        curation.undo(excluded.id)
        curation.decide(
            [
                Exclusion(out.sha256),
                MaskDecision(drawn.sha256, MASK),
                CategoryDecision(given.sha256, "tin"),
            ]
        )
        expected = as_decided(gallery, curation)
        applying = applying_to(gallery, curation, Uploads(folder))
        change = Change(kind="curate")
        with pytest.raises(_KilledError):
            carry_out(applying(_Dying(gallery, writes, after=after)), change)  # type: ignore[arg-type]
        carry_out(applying(gallery), change)
        applying(gallery).index()
        assert as_it_is(gallery) == expected and len(expected) == 12
        assert gallery.curated_to() == curation.latest() and gallery.check() == []


def as_decided(gallery: Gallery, curation: Curation) -> dict[int, tuple[str | None, str] | None]:
    """Mask and category of every image by its id; None: it is out of the index."""
    excluded, masks = curation.excluded(), curation.masks()
    return {
        one.id: None
        if one.sha256 in excluded
        else (
            masks.get(one.sha256),
            curation.category_of(one.sha256) or Path(one.uri).parts[-3],
        )
        for one in (*gallery.sources(), *gallery.withdrawn())
    }


def as_it_is(gallery: Gallery) -> dict[int, tuple[str | None, str] | None]:
    found = {one.id: (one.mask, one.category) for one in gallery.sources()}
    return {**found, **dict.fromkeys((one.id for one in gallery.withdrawn()), None)}


def applying_to(
    gallery: WritableGallery, curation: Curation, uploads: Uploads
) -> Callable[[WritableGallery], Applying]:
    settings = settings_for(gallery.manifest)
    parts = assemble(settings, gallery=lambda: AdaptedNeighbours(gallery, "catalogue"))
    return partial(
        Applying,
        describer=parts.describer,
        limits=ImageLimits(),
        batch=2,
        curation=curation,
        uploads=uploads,
    )


def carry_out(applying: Applying, change: Change) -> None:
    applying.store([applying.prepare(change, lambda done, total: None)])


def expected_after(change: Change, catalogue: Path) -> set[tuple[str, str, str]]:
    """Of the small catalogue, one image after the other."""
    held = set()
    for category in ("jar", "stick"):
        for file in (catalogue / category).rglob("*.png"):
            held.add((f"{category}/{file.parent.name}", file_sha256(file), category))
    if change.kind == "delete matching":
        return {one for one in held if one[2] != "jar"}
    if change.kind in ("delete", "replace"):
        held = {one for one in held if one[0] != "jar/p0"}
    if change.kind != "delete":
        held |= {("jar/p0", sha256, change.category or "jar") for sha256 in change.images}
    return held


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_gallery_is_as_was_decided_however_often_the_service_is_killed(
    made: Path, tmp_path: Path, seed: int
) -> None:
    gallery = shutil.copytree(made, tmp_path / "gallery")
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    with open_gallery(gallery) as opened:
        ids = [one.id for one in opened.sources()]
    for _ in range(4):
        with (
            served(gallery) as (address, process),
            httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
        ):
            wait_until_up(client)
            killing = threading.Timer(chance.uniform(0.0, 2.5), process.kill)
            killing.start()
            with suppress(httpx.TransportError):
                while True:
                    acknowledged |= decide_something(client, chance, ids, sorted(acknowledged))
            killing.join()
    with (
        served(gallery) as (address, process),
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
        Curation.open(gallery) as curation,
    ):
        wait_until_up(client)

        def is_carried_out() -> bool:
            with open_gallery(gallery) as opened:
                return opened.curated_to() == curation.latest()

        assert wait(is_carried_out)
        assert acknowledged and acknowledged <= {one.id for one in curation.log()}
        process.terminate()
        process.wait(60)
        with open_gallery(gallery) as opened:
            assert opened.check() == []
            found = as_it_is(opened)
            assert found == as_decided(opened, curation) and set(found) == set(ids)


def decide_something(
    client: httpx.Client, chance: random.Random, ids: list[int], decided: list[str]
) -> set[str]:
    """The ids of what the service acknowledged."""
    image = chance.choice(ids)
    if chance.random() < 0.3:
        bits = np.zeros((128, 96, 3), np.uint8)  # as the images are
        bits[10:60, 10 : chance.randrange(20, 80)] = 255
        body, headers = png(bits), {"if-match": "*"}
        answer = client.put(f"/v1/images/{image}/mask", content=body, headers=headers)
        assert answer.status_code == 200
        return {answer.json()["decision"]}
    other = chance.choice([one for one in ids if one != image])
    choices: list[dict[str, object]] = [
        {"kind": "exclude", "image": image},
        {"kind": "include", "image": image},
        {"kind": "category", "image": image, "category": chance.choice(["tin", "can"])},
        {"kind": "pair", "images": [image, other], "verdict": "same image", "keep": image},
    ]
    choices += [{"kind": "undo", "decision": chance.choice(decided)}] if decided else []
    sent = {"decisions": [chance.choice(choices)]}
    answer = client.post("/v1/review/decisions", json=sent)
    if answer.status_code == 422:  # an undo is not undone
        return set()
    assert answer.status_code == 200
    return set(answer.json()["decisions"])


@contextmanager
def served(gallery: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process of its own on a free port of this machine; it is killed at the end."""
    words = ["serve", "--gallery", str(gallery), "--port", "0", "--rate", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        found = re.match(rb"(http://\S+)", process.stdout.readline())
        assert found is not None
        yield found[1].decode(), process
    finally:
        process.kill()
        process.wait()


def wait_until_up(client: httpx.Client) -> None:
    def is_up() -> bool:
        with suppress(httpx.TransportError):
            return client.get("/v1/health").status_code == 200
        return False

    assert wait(is_up), "the service did not start"


@pytest.mark.slow
def test_a_service_that_is_stopped_does_not_wait_for_those_who_follow_jobs(
    made: Path, tmp_path: Path
) -> None:
    gallery = shutil.copytree(made, tmp_path / "gallery")
    with (
        open_gallery(gallery, write=True),
        served(gallery) as (address, process),
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
        wait_until_up(client)
        files = {"image": ("x", photo_of("jar", 1))}
        job = client.put("/v1/products/a", files=files).json()["job"]
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: progress"
            process.terminate()
            assert process.wait(GRACE - 5) in (0, -signal.SIGTERM)
            assert "event: end" not in list(lines)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_was_acknowledged_is_lost_when_the_service_is_killed(
    made: Path, tmp_path: Path, seed: int
) -> None:
    gallery = shutil.copytree(made, tmp_path / "gallery")
    chance = random.Random(seed)
    acknowledged: dict[str, str] = {}  # job -> product
    contents: dict[str, set[bytes]] = {}
    deleted: set[str] = set()
    for start in range(3):
        with (
            served(gallery) as (address, process),
            httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
        ):
            wait_until_up(client)
            end = time.monotonic() + chance.uniform(0.0, 1.5)
            while time.monotonic() < end:
                product = f"p{start}/{len(acknowledged)}"
                if contents and chance.random() < 0.2:
                    product = chance.choice(sorted(contents))
                    answer = client.delete(f"/v1/products/{product}")
                    deleted.add(product)
                    contents.pop(product)
                else:
                    images = [photo_of("jar", chance.randrange(1000), v) for v in range(3)]
                    files = [("image", ("x", image)) for image in images]
                    data = {"request": json.dumps({"category": "jar"})}
                    answer = client.put(f"/v1/products/{product}", files=files, data=data)
                    contents[product] = set(images)
                assert answer.status_code == 202
                acknowledged[answer.json()["job"]] = product
            process.kill()
    with (
        served(gallery) as (address, process),
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
        wait_until_up(client)

        def state(job: str) -> str:
            return str(client.get(f"/v1/jobs/{job}").json()["state"])

        for job in acknowledged:
            assert wait(lambda job=job: state(job) in ("done", "failed"), 120)  # type: ignore[misc]
            assert state(job) == "done"
        for product, images in contents.items():
            shown = client.get(f"/v1/products/{product}").json()["images"]
            assert {client.get("/" + one["image_url"]).content for one in shown} == images
        for product in deleted:
            assert client.get(f"/v1/products/{product}").status_code == 404
        process.terminate()
        process.wait(60)
    with open_gallery(gallery) as opened:
        assert opened.check() == []
        stored = {Path(source.uri) for source in opened.sources()}
        # Killed between the end of a job and the deleting of what it replaced, a service leaves
        # that to its daily look for what is an hour old.
        for path in (gallery / "uploads").iterdir():
            os.utime(path, (0, 0))
        with closing(JobTable(gallery)) as jobs:
            uploads = Uploads(gallery)
            uploads.clean(list(uploads.left_over()), opened, jobs)
    assert {path for path in stored if path.parent.name == "uploads"} == set(
        (gallery / "uploads").iterdir()
    )
