"""A share as curators find it: every file is accounted for from the first ingest to a query."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.types import Source
from offline import ingest
from offline.ingest.report import IngestReport
from online.query import query
from tests.drawn_catalogue import QUICK, save
from tests.messy_folder import unique_image, write_messy_folder

OTHER_PRODUCT = "plain-bottle/p00/view 1.jpg"


def pad(file: Path) -> None:
    """Give a file of any image one length."""
    file.write_bytes(file.read_bytes().ljust(20_000, b"\0"))


def test_a_messy_folder_goes_through_ingest_rename_relabel_prune_and_query(tmp_path: Path) -> None:
    messy = write_messy_folder(tmp_path / "share")
    root, gallery, written = messy.root, tmp_path / "g", messy.counts()
    pad(messy.root / OTHER_PRODUCT)
    assert sum(written.values()) >= 300

    def run(**options: object) -> IngestReport:
        report = ingest(root, gallery, overrides=QUICK, **options)  # type: ignore[arg-type]
        assert sum(report.accounts.values()) == report.seen == sum(messy.counts().values())
        assert report.accounts["refused"] == written["refused"]
        assert sum(report.passed_over.values()) == written["passed over"]
        return report

    def sources() -> dict[str, Source]:
        with open_gallery(gallery) as opened:
            assert opened.check() == []
            return {Path(one.uri).relative_to(root).as_posix(): one for one in opened.sources()}

    def labels() -> dict[str, tuple[str, str]]:
        return {path: (one.category, one.product_id) for path, one in sources().items()}

    first = run()
    assert (first.added, len(first.duplicates)) == (written["added"], written["duplicate"])
    refused = {Path(refusal.uri).relative_to(root).as_posix() for refusal in first.refused}
    assert refused == {path for path, fate in messy.fate.items() if fate == "refused"}
    assert len(first.lost_rows) == messy.lost_rows
    assert labels() == messy.label
    assert run().accounts == {**first.accounts, "added": 0, "unchanged": first.added}

    # A folder gets another name: its images, and with them their category, follow.
    shutil.move(root / "plain-stick", root / "tube")
    messy.rename("plain-stick", "tube")
    moved = sum(path.startswith("tube/") for path in messy.label)
    report = run()
    assert (report.renamed, report.described, report.missing) == (moved, 0, [])
    assert labels() == messy.label

    # A table is given once and holds; content changes behind a date that stays.
    rows = [path for path in messy.label if path.startswith("plain-jar/p0")]
    table = tmp_path / "given.csv"
    table.write_text("path,product\n" + "".join(f'"{path}",one\n' for path in rows))
    messy.label |= dict.fromkeys(rows, ("plain-jar", "one"))
    assert run(labels=table).relabelled == len(rows)
    replaced = root / OTHER_PRODUCT
    status, before = replaced.stat(), sources()[OTHER_PRODUCT]
    save(replaced, unique_image(291, "bottle"))
    pad(replaced)
    assert replaced.stat().st_size == status.st_size
    os.utime(replaced, ns=(status.st_atime_ns, status.st_mtime_ns))
    report = run()
    assert (report.updated, report.relabelled) == (1, 0)
    assert sources()[OTHER_PRODUCT].sha256 != before.sha256
    assert labels() == messy.label

    # What looks like a vanished mount is not pruned; a few deleted files are.
    shutil.move(root / "copies", tmp_path / "away")
    with pytest.raises(ConfigError, match="copies"):
        run(prune=True)
    shutil.move(tmp_path / "away", root / "copies")
    deleted = [path for path in messy.label if path.startswith("tube/p02/")]
    for path in deleted:
        (root / path).unlink()
        messy.forget(path)
    report = run(prune=True)
    assert (report.removed, report.missing) == (len(deleted), [])
    assert labels() == messy.label

    answer = query(root / "tube/p05/view 0.jpg", gallery)
    assert answer.hits[0].record.product_id == "tube/p05"
