"""What `packsight gallery info` shows of memory and disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.machine import memory
from engine.types import Storage
from packsight.cli import main
from packsight.commands._storage import lines, vector_bytes

GB = 10**9


def shown(storage: Storage, vectors: int = 0, of: int | None = 8 * GB) -> str:
    return "\n".join(lines(storage, vectors, of))


def test_a_small_gallery_is_near_nothing() -> None:
    found = shown(Storage(3 * GB, GB, free=20 * GB), vectors=GB)
    assert "3.00 GB of tables" in found and "scale.md" not in found


@pytest.mark.parametrize(
    ("storage", "vectors", "what"),
    [
        (Storage(0, 0, free=GB), 5 * GB, "at 62% of what this machine's memory holds"),
        (Storage(2 * GB, GB, free=GB), 0, "at 75% of what this machine's disk holds"),
        (Storage(2 * GB, 0, free=GB), 8 * GB, "memory holds and 67% of"),
    ],
)
def test_one_that_nears_what_the_machine_holds_is_named(
    storage: Storage, vectors: int, what: str
) -> None:
    found = shown(storage, vectors)
    assert what in found and "docs/scale.md" in found


def test_memory_that_is_not_known_is_not_near() -> None:
    assert "scale" not in shown(Storage(0, 0, free=GB), vectors=99 * GB, of=None)


def test_a_server_is_shown_by_its_tables_and_how_far_a_replica_is_behind() -> None:
    storage = Storage(900 * GB, 0, partitions=15, behind=1.25)
    assert "15 partitions" in shown(storage, 99 * GB) and "1.2 s" in shown(storage)
    assert "scale" not in shown(storage, 99 * GB), "searched there"
    own = Storage(900 * GB, 5 * GB, partitions=15)
    assert "indexes here 5.00 GB" in shown(own) and "scale.md" in shown(own, 99 * GB)


def test_codes_take_a_byte_a_number_beside_the_vectors() -> None:
    assert vector_bytes(10, 256, "exact") == 10_240
    assert vector_bytes(10, 256, "sq8") == 12_800


def test_info_has_what_the_gallery_takes(gallery: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery", "info", str(gallery)]) == 0
    assert "\nstorage " in capsys.readouterr().out
    assert main(["gallery", "info", str(gallery), "--json"]) == 0
    storage = json.loads(capsys.readouterr().out)["storage"]
    database = (gallery / "gallery.sqlite").stat().st_size
    assert storage["tables"] >= database and storage["indexes"] > 0 and storage["free"] > 0
    assert storage["partitions"] is None


def test_the_memory_of_this_machine_is_known() -> None:
    found = memory()
    assert found is None or found > 10**8
