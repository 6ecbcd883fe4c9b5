"""Every kind of data set can be evaluated as a whole.

The images of the samples are all alike: every distance is a tie, no mask is one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from offline.datasets import dataset_kinds, open_dataset
from offline.evaluate.run import SECTIONS, Request, evaluate
from offline.report.files import json_text, read_report
from offline.report.html import html_text
from offline.report.text import markdown_text
from tests.offline.datasets.small_datasets import WRITERS
from tests.offline.evaluate.counting_parts import quick_settings


@pytest.fixture(params=dataset_kinds())
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    WRITERS[request.param](tmp_path / "data")
    return tmp_path / "data"


def test_a_whole_report_of_any_kind_of_data(data: Path, tmp_path: Path) -> None:
    check(data, next(iter(open_dataset(data).protocols), None), tmp_path)


@pytest.mark.slow
def test_a_whole_report_by_any_protocol(data: Path, tmp_path: Path) -> None:
    for protocol in open_dataset(data).protocols[1:]:
        check(data, protocol, tmp_path)


def check(data: Path, protocol: str | None, folder: Path) -> None:
    asked = Request(
        data=data,
        sections=SECTIONS["all" if protocol else "segment"],
        systems={"quick": quick_settings("rerank.name=fused", "adapt.auto=true")},
        cache=folder / "cache",
        protocol=protocol,
        limit=8,
        ablate=True,
        timed=1,
    )
    report, _ = evaluate(asked)
    (system,) = report.systems
    assert [section.stage for section in system.sections] == list(asked.sections)
    figures = [f for s in system.sections for group in s.groups for f in group.figures]
    assert all(figure.value is not None or figure.why for figure in figures)
    (folder / "report.json").write_text(json_text(report), "utf-8")
    assert json_text(read_report(folder / "report.json")) == json_text(report)
    assert html_text(report)
    assert markdown_text(report)
