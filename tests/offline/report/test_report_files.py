"""A report as JSON."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from engine.errors import ConfigError
from offline.report.document import Report
from offline.report.files import json_text, read_report
from tests.offline.report.json_schema import fits
from tests.offline.report.made_report import report, system
from tests.offline.report.report_strategies import reports

SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "report.schema.json"


def schema() -> dict[str, object]:
    """JSON Schema (2020-12) of what ``json_text`` writes."""
    made = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def without_pictures(document: Report) -> Report:
    return Report.model_validate(document.model_dump())


def saved(folder: Path, text: str) -> Path:
    path = folder / "report.json"
    path.write_text(text, "utf-8")
    return path


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(reports)
def test_any_document_comes_back_as_it_was_and_fits_the_schema(document: Report) -> None:
    text = json_text(document)
    data = json.loads(text)
    assert fits(data, schema(), schema())
    assert Report.model_validate(data) == without_pictures(document)
    assert json_text(Report.model_validate(data)) == text


def test_the_schema_in_docs_is_the_one_of_the_code() -> None:
    text = json.dumps(schema(), indent=1) + "\n"
    assert SCHEMA_FILE.read_text("utf-8") == text, "write this text there"


def test_the_schema_refuses_what_no_report_has() -> None:
    data = json.loads(json_text(report()))
    assert fits(data, schema(), schema())
    for wrong in (
        {**data, "more": 1},
        {**data, "title": 3},
        {**data, "format_version": 2},
        {key: part for key, part in data.items() if key != "systems"},
    ):
        assert not fits(wrong, schema(), schema())


def test_a_file_gives_back_the_report(tmp_path: Path) -> None:
    document = report(system("classic", 0), system("compact", 1))
    assert read_report(saved(tmp_path, json_text(document))) == without_pictures(document)


def test_numbers_keep_all_their_digits_and_lists_stand_on_one_line() -> None:
    text = json_text(report())
    samples = report().systems[0].sections[1].groups[0].figures[0].samples
    assert f'"samples": {json.dumps(samples)}' in text
    assert json.loads(text)["systems"][0]["sections"][0]["groups"][0]["figures"][1]["value"] == (
        0.00042
    )


def test_settings_that_json_does_not_know_are_written_as_text() -> None:
    limits = {"pixels": float("inf"), "folder": Path("a") / "b", "side": (1, 2), "none": None}
    one = system().model_copy(update={"settings": {"limits": limits}})
    found = json.loads(json_text(report(one)))["systems"][0]["settings"]["limits"]
    assert found == {"pixels": "inf", "folder": "a/b", "side": [1, 2], "none": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ('{"format_version": 1, "ti', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1, 2]", "not a report"),
        ('{"a": 1}', "not a report"),
        ('{"format_version": "1"}', "not a report"),
        ('{"format_version": true}', "not a report"),
        ('{"format_version": 2}', "format 2"),
        ('{"format_version": 1}', "title: Field required"),
        ('{"format_version": 1, "title": NaN}', "NaN is not a number"),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_report(path)
    assert words in caught.value.message and str(path) in caught.value.message
    assert caught.value.remedy


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, words in (
        (tmp_path / "nowhere.json", "No such file"),
        (tmp_path, "directory"),
        (binary, "not text"),
    ):
        with pytest.raises(ConfigError, match=words):
            read_report(path)
