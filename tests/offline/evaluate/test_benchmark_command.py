"""`packsight evaluate benchmark`: tables, files, errors, and a run that was killed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from offline.report.document import Table
from offline.report.files import read_report
from stages.profiles import DEFAULT
from tests.drawn_catalogue import QUICK_FLAGS
from tests.offline.evaluate.drawn_benchmarks import write_drawn_landmarks, write_drawn_products
from tests.offline.evaluate.killed_runs import kill_after_keeping
from tests.packsight_command import Command, Outcome


@pytest.fixture
def products(tmp_path: Path) -> Path:
    write_drawn_products(tmp_path / "sop")
    return tmp_path / "sop"


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    write_drawn_landmarks(tmp_path / "rox")
    return tmp_path / "rox"


def flags(data: Path, protocol: str, *more: str | Path) -> list[str]:
    given = ["evaluate", "benchmark", "--protocol", protocol, "--data", data]
    kept = ["--cache", data.parent / "cache", "--quiet", "--timed", "2"]
    return [str(part) for part in (*given, *kept, *QUICK_FLAGS, *more)]


def row(shown: Outcome, name: str) -> list[str]:
    (line,) = [line for line in shown.out.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_online_products_print_the_table_of_their_paper(packsight: Command, products: Path) -> None:
    shown = packsight(*flags(products, "online_products"))
    assert shown.code == 0 and shown.err == ""
    assert row(shown, "R@1") == ["1.000 (1.000–1.000)"]
    for name in ("R@10", "R@100", "R@1000", "P@5", "recall@5", "top@1", "top@5"):
        assert row(shown, name)
    assert row(shown, "queries") == ["12"]
    assert "milliseconds per photo" in shown.out and "embed" in shown.out


def test_revisited_protocols_are_columns_of_one_table(packsight: Command, landmarks: Path) -> None:
    shown = packsight(*flags(landmarks, "all"))
    assert row(shown, "metric") == ["easy", "medium", "hard"]
    assert row(shown, "mAP-trapezoid")[0].startswith("1.000")
    assert len(row(shown, "mP@10")) == 3
    assert "easy: 1 of 2 queries left out" in shown.out


def test_galleries_are_adapted_where_that_is_requested(packsight: Command, products: Path) -> None:
    out = products.parent / "out"
    for more in ((), ("--adapt",)):
        assert packsight(*flags(products, "online_products", "--out", out, *more)).code == 0
        (system,) = read_report(out / "report.json").systems
        assert bool(system.adaptation) == bool(more)
    assert "every image is a query" in system.adaptation[0]


def test_the_report_holds_every_value_and_what_it_depends_on(
    packsight: Command, landmarks: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    shown = packsight(*flags(landmarks, "hard", "--out", out, "--per-query", "--metric", "cosine"))
    assert {path.name for path in out.iterdir()} == {"report.html", "report.md", "report.json"}
    assert str(out / "report.json") in shown.out
    report = read_report(out / "report.json")
    (system,) = report.systems
    assert system.name == DEFAULT
    retrieval, efficiency = system.sections
    (hard,) = retrieval.groups
    assert (hard.name, hard.items[0]) == ("hard", "query/query_jar")
    values = {figure.name: figure for figure in hard.figures}
    assert set(values) == {"mAP-trapezoid", "mP@1", "mP@5", "mP@10", "top-1 similarity"}
    assert len(values["mP@5"].samples or ()) == 2
    (by_query,) = [b for b in retrieval.blocks if getattr(b, "title", "") == "hard by query"]
    assert isinstance(by_query, Table)
    assert by_query.rows[0][0] == "query/query_jar" and by_query.rows[0][3] == "1"
    assert by_query.rows[1][1].startswith("bottle")
    assert system.settings["search"]["metric"] == "cosine" and report.provenance.seed == 0
    assert len(system.fingerprint) == 64 and len(report.provenance.dataset_checksum) == 64
    assert {"packsight", "python", "numpy"} <= set(report.provenance.versions)
    stages = {figure.name for group in efficiency.groups for figure in group.figures}
    assert stages == {"load", "segment", "cutout", "embed", "together"}


def test_two_benchmarks_are_compared_query_by_query(
    packsight: Command, products: Path, tmp_path: Path
) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    packsight(*flags(products, "test", "--json", before))
    packsight(*flags(products, "test", "--json", after, "--set", "embed.side=16"))
    same = packsight("evaluate", "compare", str(before), str(before))
    assert same.code == 0
    changed = packsight("evaluate", "compare", str(before), str(after))
    assert changed.code == 0 and "the same within noise" in changed.out


def test_all_that_may_be_done_to_a_query_is_said(packsight: Command, landmarks: Path) -> None:
    more = ("--expand", "2", "--rerank", "k_reciprocal", "--set", "query.augment=true")
    shown = packsight(*flags(landmarks, "medium", *more, "--measure", "mAP", "--limit", "1"))
    assert shown.code == 0
    assert "queries augmented, expanded by 2 neighbours, alpha 3" in shown.out
    assert "first 100 reranked by k-reciprocal neighbours" in shown.out
    assert "medium: 1 of 2 queries passed over for a quick look" in shown.out
    assert row(shown, "mAP") and "mP@10" not in shown.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--protocol", "soft"), "unknown protocol 'soft'"),
        (("--protocol", "packbench"), "packbench"),
        (("--measure", "mPA"), "unknown metric 'mPA'. Did you mean 'mAP'"),
        (("--data", "nowhere"), "no such folder"),
        (("--set", "embed.name=nothing"), "unknown stage 'nothing'"),
        (("--json", "/dev/null/report.json"), "cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    more: tuple[str, str], said: str, packsight: Command, landmarks: Path
) -> None:
    refused = packsight(*flags(landmarks, "hard", *more))
    assert refused.code == 1 and said in refused.line


def test_numbers_that_are_none_are_usage_errors(packsight: Command, landmarks: Path) -> None:
    for more in (("--limit", "0"), ("--seed", "-1"), ("--metric", "far"), ("--expand", "x")):
        with pytest.raises(SystemExit) as ended:
            packsight(*flags(landmarks, "hard", *more))
        assert ended.value.code == 2


def test_data_without_images_is_one_line_with_the_way_out(
    packsight: Command, products: Path
) -> None:
    for path in (products / "bottle_final").iterdir():
        path.unlink()
    refused = packsight(*flags(products, "test"))
    assert "not one query can be read" in refused.line and "Unpack" in refused.line


def test_images_that_cannot_be_read_are_named_and_counted(
    packsight: Command, products: Path
) -> None:
    (products / "bottle_final" / "0_0.PNG").write_bytes(b"")
    shown = packsight(*flags(products, "test"))
    (said,) = shown.err.splitlines()
    assert shown.code == 0 and "0_0.PNG: left out" in said
    assert "1 of 12 queries left out: cannot be read" in shown.out
    assert "1 of 12 gallery images cannot be read" in shown.out


def test_a_killed_run_goes_on_and_ends_as_one_that_nobody_killed(
    packsight: Command, products: Path
) -> None:
    whole = packsight(*flags(products, "test", "--timed", "0", "--cache", products / "other"))
    arguments = flags(products, "test", "--timed", "0")
    for _ in range(2):
        kill_after_keeping("vectors", arguments)
    (kept,) = (products.parent / "cache").glob("vectors-*/blobs.sqlite")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM blobs").fetchone() == (8,)
    assert packsight(*arguments).out == whole.out
