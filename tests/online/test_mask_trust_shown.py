"""The trust of the photo's mask on the page, in JSON and in text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.types import MatteQuality
from online.results_json import results_json
from tests.drawn_catalogue import package, save
from tests.online.page_samples import ParsedPage, description, hit, rendered, results
from tests.packsight_command import Command

SENTENCE = "The mask of the product is correct with a probability of"


def test_the_page_shows_the_trust_and_its_consequence() -> None:
    query = description(quality=MatteQuality(untrusted=True))
    doubted = replace(results([hit()], query=query), mask_trust=0.214)
    words = ParsedPage(rendered(doubted)).words
    assert f"{SENTENCE} 21.4 %." in words
    assert "the mask is not trusted: its contour was not used" in words


def test_the_page_shows_no_trust_without_a_trust_stage() -> None:
    assert SENTENCE not in ParsedPage(rendered(results([hit()]))).words


@pytest.mark.parametrize(("trust", "expected"), [(None, None), (0.123456, 0.1235), (0.0, 0.0)])
def test_json_holds_the_trust_or_null(trust: float | None, expected: float | None) -> None:
    assert results_json(replace(results([hit()]), mask_trust=trust))["mask_trust"] == expected


def test_a_query_answers_with_the_trust_of_the_gallerys_own_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for view in range(2):
        save(tmp_path / "catalogue" / "jar" / f"{view}.png", package("jar", 0, view))
    run, gallery = Command(capsys), tmp_path / "gallery"
    judged = ("--set", "segment.name=grabcut", "--set", "trust.name=calibrated")
    assert run.ingest(tmp_path / "catalogue", gallery, *judged).code == 0
    photo = tmp_path / "catalogue" / "jar" / "0.png"
    answer = json.loads(run("query", photo, "--gallery", gallery, "--json").out)
    assert 0.0 <= answer["mask_trust"] <= 1.0
    assert ("untrusted" in answer["quality"]) == (answer["mask_trust"] < 0.5)
    assert "the photo's mask" in run("query", photo, "--gallery", gallery).out
    refused = run("query", photo, "--gallery", gallery, "--set", "trust.name=none")
    assert refused.code == 1 and "described" in refused.line
