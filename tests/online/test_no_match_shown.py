"""How a calibrated answer is shown: as text, as JSON and on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.types import Results
from online.results_json import results_json
from packsight.commands.query import _text
from tests.online.page_samples import ParsedPage, hit, rendered, results


def answered(
    first: float, threshold: float = 0.4, *notes: str, absent_below: float | None = 0.2
) -> Results:
    likely = (first, 0.05, 0.0001)
    hits = [replace(hit(at + 1), probability=share) for at, share in enumerate(likely)]
    return replace(results(hits), threshold=threshold, absent_below=absent_below, notes=notes)


def test_a_match_is_shown_with_its_probability() -> None:
    text = _text(answered(0.87), 3, 0.05)
    assert "a match: the first hit is the product with 87.0%; a match needs more than 40.0%" in text
    assert "not in this catalogue" not in text
    (first,) = [line for line in text.splitlines() if line.startswith("   1  ")]
    assert " 87.0%  jar-1" in first


def test_no_match_is_shown_first_and_the_nearest_still_stand_below() -> None:
    lines = _text(answered(0.12), 3, 0.05).splitlines()
    found = [at for at, line in enumerate(lines) if line.startswith("not in this catalogue: ")]
    hits = [at for at, line in enumerate(lines) if line.startswith("   1  ")]
    assert found and hits and found[0] < hits[0]
    assert "12.0%; a match needs more than 40.0%" in lines[found[0]]


@pytest.mark.parametrize(
    ("first", "absent_below", "verdict"),
    [
        (0.41, 0.2, "likely"),
        (0.4, 0.2, "unsure"),
        (0.21, 0.2, "unsure"),
        (0.2, 0.2, "not in this catalogue"),
        (0.12, None, "unsure"),  # of thin evidence, or calibrated by an earlier version
    ],
)
def test_between_a_match_and_an_absent_product_an_answer_is_unsure(
    first: float, absent_below: float | None, verdict: str
) -> None:
    given = answered(first, absent_below=absent_below)
    assert given.verdict == verdict
    expected = results_json(given)
    assert (expected["verdict"], expected["absent_below"]) == (verdict, absent_below)
    assert any(line.startswith(verdict) for line in _text(given, 3, 0.05).splitlines())
    page = ParsedPage(rendered(given))
    badges = [panel.text.split()[0] for panel in page.all("div", "verdict")]
    assert badges == {"likely": [], "unsure": ["unsure"]}.get(verdict, ["no"])


def test_what_adapting_calibrated_by_itself_refuses_no_unsure_hit() -> None:
    given = replace(answered(0.3, absent_below=None), refuses=False)
    assert (given.verdict, given.no_match) == ("unsure", False)
    page = ParsedPage(rendered(given))
    assert [panel.text.split()[0] for panel in page.all("div", "verdict")] == ["unsure"]


def test_an_uncalibrated_answer_is_shown_without_probabilities() -> None:
    text = _text(results([hit()]), 1, 0.05)
    assert "match" not in text and "same" not in text


def test_why_a_calibration_was_left_out_is_one_line() -> None:
    text = _text(replace(results([hit()]), notes=("not calibrated: other settings",)), 1, 0.05)
    assert text.splitlines().count("not calibrated: other settings") == 1


@pytest.mark.parametrize(("first", "none"), [(0.87, False), (0.12, True), (0.4, True)])
def test_json_has_probability_threshold_and_verdict(first: float, none: bool) -> None:
    expected = results_json(answered(first, 0.4, "a note"))
    assert (expected["no_match"], expected["calibrated"], expected["threshold"]) == (
        none,
        True,
        0.4,
    )
    assert expected["notes"] == ["a note"]
    hits = expected["hits"]
    assert isinstance(hits, list)
    assert [one["probability"] for one in hits] == [first, 0.05, 0.0001]


def test_json_of_an_uncalibrated_answer_is_marked() -> None:
    expected = results_json(results([hit()]))
    assert (expected["no_match"], expected["calibrated"], expected["threshold"]) == (
        False,
        False,
        None,
    )
    assert expected["hits"][0]["probability"] is None  # type: ignore[index]
    assert expected["verdict"] is expected["absent_below"] is None


def test_the_page_shows_no_match_and_the_nearest() -> None:
    page = ParsedPage(rendered(answered(0.12)))
    (verdict,) = page.all("div", "verdict")
    words = " ".join(verdict.text.split())
    assert "no match" in words
    assert "probability of 12.0 %, and a match needs more than 40.0 %" in words
    cards = page.all("article")
    assert len(cards) == 3
    assert "Nearest · rank 1" in cards[0].text and "Best hit" not in page.words
    assert "Same product 12.0 %" in " ".join(cards[0].text.split())
    assert "Same product < 0.1 %" in " ".join(cards[2].text.split())


def test_the_page_of_a_match_has_probabilities_and_no_verdict() -> None:
    page = ParsedPage(rendered(answered(0.87)))
    assert page.all("div", "verdict") == []
    assert "Best hit · rank 1" in page.words
    assert "Same product 87.0 %" in page.words


def test_the_page_of_an_uncalibrated_answer_names_no_probability_and_shows_notes_escaped() -> None:
    expected = replace(results([hit()]), notes=("<b>not calibrated</b>",))
    page = ParsedPage(rendered(expected))
    assert "Same product" not in page.words and page.all("div", "verdict") == []
    (note,) = page.all("p", "note")
    assert note.text.strip() == "<b>not calibrated</b>"


def test_nothing_found_at_all_is_still_another_page() -> None:
    page = ParsedPage(rendered(replace(results([]), threshold=0.4)))
    assert "No hits" in page.words and "in this catalogue" not in page.words
