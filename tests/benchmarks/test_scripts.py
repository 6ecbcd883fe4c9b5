"""Every benchmark runs on a tiny size and prints the numbers that it promises."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from offline import ingest
from tests.benchmarks.running import run_benchmark, run_script, table
from tests.drawn_catalogue import QUICK, package, save
from tests.drawn_labels import label
from tests.postgres_server import postgres_server


@pytest.mark.slow
def test_query_overhead_adds_up_what_lies_outside_the_models() -> None:
    done = run_script("query_overhead.py", "--images", "90", "--queries", "3", "--dimension", "8")
    assert done.returncode == 0, done.stderr
    stages = table(done.stdout, "stage (ms)")
    assert {"load", "cutout", "classify", "retrieve", "records", "rerank"} <= set(stages)
    assert not {"segment", "embed"} & set(stages)
    for column in (0, 2, 3, 5):  # medians on the clock and of the processor
        without, added = (
            float(stages[name][column]) for name in ("outside the models", "with decoding")
        )
        assert 0 < without < added
    assert table(done.stdout, "whole query (ms)")["numpy brute force + Python sort"][2] == "1.00"


@pytest.mark.slow
def test_latency_times_a_way_by_every_runtime(tmp_path: Path) -> None:
    size = ("--images", "300", "--photos", "2", "--rounds", "1", "--work", tmp_path)
    way = ("--way", "small", "compact", "keypoints.name=none")
    done = run_script("latency.py", *size, *way, "--only", "classic", "small")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "way")
    assert {"classic, onnxruntime", "small, onnxruntime"} <= set(rows)
    assert rows["small, onnxruntime"][2] == "1.00 [1.00, 1.00]"
    assert all(float(cells[-1]) > 10 for cells in rows.values())
    assert {"segment", "embed", "records"} <= set(table(done.stdout, "stage (ms)"))
    with open_gallery(tmp_path / "300-classic") as gallery:
        assert len(gallery) == 300


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_ingest_scaling_ingests_every_image_and_accounts_for_the_time() -> None:
    size = ("--width", "90", "--height", "120")
    done = run_script("ingest_scaling.py", "--images", "40", *size)
    assert done.returncode == 0, done.stderr
    assert "40 images of 10 products" in done.stdout
    stages = table(done.stdout, "stage")
    assert sum(float(cells[1].rstrip("%")) for cells in stages.values()) == pytest.approx(
        100, abs=2
    )
    memory = table(done.stdout, "memory (MiB) at")
    assert all(float(cell) > 10 for cell in memory["main process"])
    assert "last quarter / second quarter" in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_gallery_scale_finds_what_it_added_and_not_what_it_deleted(tmp_path: Path) -> None:
    size = ("--sizes", "40", "--dimension", "8", "--categories", "2", "--latent", "3")
    for _ in range(2):  # the second finds the galleries of the first
        done = run_script("gallery_scale.py", *size, "--work", tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(table(done.stdout, "images")["40"]) == 15
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"scale-40-8-of-2-latent-3", "scale-40-8-of-2-latent-3-keypoints"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_gallery_homes_find_what_numpy_finds_and_leave_nothing_behind(tmp_path: Path) -> None:
    with postgres_server() as server:
        size = ("--images", "300", "--dimension", "8", "--queries", "4", "--all", "2")
        places = ("--postgres", server.address(), "--json", tmp_path / "values.json")
        done = run_script("gallery_homes.py", *size, "--added", "70", *places)
        assert done.returncode == 0, done.stderr
        kept = server.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'packsight%'")
        assert kept == "0"
    values = json.loads((tmp_path / "values.json").read_text())["300"]
    assert {one["way"] for one in values["searches"]} >= {"folder", "PostgreSQL, one statement"}
    rounded = "in another order by rounding"
    assert all(one["same ids"] + one[rounded] == one["queries"] for one in values["searches"])
    assert values["largest category"]["of 50 missed"]["halfvec, compared again"] == 0
    assert values["disk"]["descriptions, rows"] > 300 * 8 * 4


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.slow
def test_ingest_workers_compares_the_homes_of_what_the_pool_ingests() -> None:
    with postgres_server() as server:
        size = ("--images", "16", "--width", "90", "--height", "120", "--profile", "classic")
        ways = ("--only", "pool, folder", "pool, PostgreSQL")
        done = run_script("ingest_workers.py", *size, *ways, "--postgres", server.address())
        assert done.returncode == 0, done.stderr
        kept = server.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'packsight%'")
        assert kept == "0"
    rows = table(done.stdout, "ingest by")
    assert list(rows) == ["pool, folder", "pool, PostgreSQL"]
    assert all(cells[0] == "16" and float(cells[4]) > 0.5 for cells in rows.values())


def test_ingest_scaling_says_in_one_line_which_profile_is_unknown() -> None:
    done = run_script("ingest_scaling.py", "--images", "4", "--profile", "clasic")
    assert done.returncode == 1
    assert "Did you mean 'classic'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_store_throughput_compares_every_way_of_reading_with_the_memory_map() -> None:
    small = ("--cutouts", "70", "--sizes", "8", "16", "--batch", "4", "--rounds", "2")
    done = run_benchmark("store_throughput.py", *small)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "read from")
    assert len(rows) == 8
    assert rows["memory map, 8 x 8"][2] == rows["memory map, 16 x 16"][2] == "1.00"
    assert all(float(cells[1]) > 0 for cells in rows.values())


@pytest.mark.slow
def test_kept_mattes_compares_three_ways_of_describing_the_same_images(catalogue: Path) -> None:
    small = ("--limit", "10", "--rounds", "1", "--set", "embed.name=handcrafted")
    done = run_benchmark("kept_mattes.py", "--images", str(catalogue), *small)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "CPU ms an image")
    assert rows.keys() == {"ingest", "adapt --photos"}
    assert "10 images" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_query_memory_is_measured_from_the_first_queries_to_the_last() -> None:
    small = ("--queries", "30", "--images", "8", "--photos", "4", "--profile", "classic")
    done = run_script("query_memory.py", *small)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "queries")
    assert list(rows)[:2] == ["3", "6"] and len(rows) == 12
    assert all(float(rows[end][0]) > 10 for end in list(rows)[:10])


@pytest.mark.slow
def test_cold_start_times_every_command_against_an_empty_python() -> None:
    done = run_script("cold_start.py", "--runs", "1", "--images", "4")
    assert done.returncode == 0, done.stderr
    times = table(done.stdout, "new process")
    assert times["empty Python"][2] == "1.0"
    assert float(times["packsight query PHOTO"][0]) > float(times["empty Python"][0])


def test_cold_start_wants_a_photo_with_its_gallery() -> None:
    done = run_script("cold_start.py", "photo.jpg")
    assert done.returncode == 2
    assert "--gallery" in done.stderr


@pytest.mark.slow
def test_adaptation_is_measured_on_photos_of_known_products(tmp_path: Path) -> None:
    for number in range(12):
        shape = ("bottle", "jar", "stick")[number % 3]
        for view in range(3):
            folder = "catalogue" if view < 2 else "photos"
            save(
                tmp_path / folder / shape / f"p{number}" / f"{view}.png",
                package(shape, number, view),
            )
    ingest(tmp_path / "catalogue", tmp_path / "g", overrides=QUICK)
    with open_gallery(tmp_path / "g") as gallery:
        before = gallery.adapted_by()
    places = ("--gallery", tmp_path / "g", "--queries", tmp_path / "photos")
    done = run_benchmark("adaptation.py", *places, "--photos", tmp_path / "photos", "--halves")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "")
    assert list(rows) == ["not adapted", "catalogue alone", "with 12 photos"]
    assert "fitted and switched in" in done.stdout and "centring: " in done.stdout
    assert done.stdout.count("products left out, photo to image") == 2
    assert done.stdout.count("products left out, image to photo") == 2
    with open_gallery(tmp_path / "g") as gallery:
        assert gallery.adapted_by() == before


@pytest.mark.slow
def test_keypoints_cost_compares_queries_with_and_without_keypoints(tmp_path: Path) -> None:
    for product in range(2):
        save(tmp_path / f"{product}.png", package("jar", product))
    small = ("--sizes", "40", "600", "--queries", "2", "--dimension", "8")
    done = run_script("keypoints_cost.py", *small, "--photos", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for rows in (table(done.stdout, "images"), table(done.stdout, "keypoints")):
        assert len(rows) == 2
    cells = table(done.stdout, "images")["600"]
    assert all(float(one) > 0 for one in cells[:3])


@pytest.mark.slow
def test_keypoints_are_compared_with_another_gallery_on_the_same_photos(tmp_path: Path) -> None:
    for seed in range(4):
        save(tmp_path / f"catalogue/carton/p{seed}/front.png", label(seed).pixels)
        save(tmp_path / f"photos/carton/p{seed}/back.png", label(seed).pixels[::-1, ::-1])
    for name in ("g", "other"):
        overrides = (*QUICK, "keypoints.name=sift")
        ingest(tmp_path / "catalogue", tmp_path / name, overrides=overrides)
    places = ("--gallery", tmp_path / "g", "--queries", tmp_path / "photos")
    done = run_benchmark("keypoints.py", *places, "--beside", tmp_path / "other")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "")
    assert rows["keypoints alone"][0].startswith("1.000")
    assert rows["other: both"][3] == "+0.000 [+0.000, +0.000]"
    assert {f"other: {name}" for name in list(rows)[:4]} == set(list(rows)[4:])


@pytest.mark.slow
def test_networks_are_compared_in_one_table_with_adaptation_off_and_on(tmp_path: Path) -> None:
    config = tmp_path / "quick.toml"
    config.write_text('[segment]\nname = "whole"\n[embed]\nname = "handcrafted"\n', "utf-8")
    places = ("--cache", tmp_path / "cache", "--also", f"quick={config}", "--only", "quick")
    done = run_benchmark("networks_compared.py", *places, "--threads", "1")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0][2:] == ["adaptation", "quick"]
    found = {(data.split(",")[0], what, how) for data, what, how, _ in cells[2:]}
    for how in ("off", "on"):
        assert ("Packbench unseen", "chain: R@1 / mAP", how) in found
        assert ("Packbench test", "category", how) in found
    values = [cell for _, what, _, cell in cells[2:] if "mAP" in what]
    assert all(re.fullmatch(r"[01]\.\d{3} \[.*\] / [01]\.\d{3} \[.*\]", one) for one in values)
