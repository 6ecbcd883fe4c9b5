"""The page of a report: whole, safe, readable on any screen, and without a network."""

import re
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings

from offline.report.document import Figure, Group, Report, Section, Text
from offline.report.html import html_text
from tests.offline.report.made_report import report, system
from tests.offline.report.report_page import ReportPage
from tests.offline.report.report_strategies import HOSTILE, reports
from tests.page_colours import contrast, schemes

CSS = (files("offline.report") / "web" / "report.css").read_text("utf-8")


def page(document: Report) -> ReportPage:
    return ReportPage(html_text(document))


def with_text(text: str) -> Report:
    """A report that shows ``text`` wherever it shows any."""
    figure = Figure(name=text, value=None, why=text)
    group = Group(name=text, figures=(figure,), meaning=text)
    section = Section(stage="retrieve", groups=(group,), blocks=(Text(text=text),), notes=(text,))
    made = system().model_copy(
        update={
            "name": text,
            "fingerprint": text,
            "settings": {text: {text: text}},
            "weights": {text: text},
            "sections": (section,),
        }
    )
    words = dict.fromkeys(("command", "created", "dataset", "dataset_checksum"), text) | {
        name: {text: text} for name in ("versions", "machine")
    }
    given = report().provenance.model_copy(update=words)
    return Report(title=text, provenance=given, systems=(made,))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(reports)
def test_any_document_becomes_a_whole_page_without_a_script(document: Report) -> None:
    shown = page(document)
    assert not {"script", "iframe", "object", "form"} & {one.tag for one in shown.elements}
    for element in shown.elements:
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.attributes.get("href", "#").startswith(("#", "data:,"))
        assert element.attributes.get("src", "data:image/jpeg;base64,").startswith("data:image")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_no_text_changes_the_structure_of_the_page(text: str) -> None:
    assert page(with_text(text)).structure == page(with_text("plain")).structure


def test_the_page_names_no_address_but_the_name_of_svg() -> None:
    html = html_text(report())
    assert not re.search(r"https?://|//[a-z]|url\(|@import", re.sub(r"base64,[^\"]+", "", html))
    assert "default-src 'none'" in html


def test_equal_reports_make_equal_pages() -> None:
    assert html_text(report()) == html_text(report())


def test_every_figure_and_block_is_on_the_page() -> None:
    document = report(system("classic", 0), system("compact", 1))
    words = page(document).words
    for shown in document.systems:
        for section in shown.sections:
            named = [group.name for group in section.groups] + [
                block.title for block in section.blocks if not isinstance(block, Text)
            ]
            assert all(name in words for name in [*named, *section.notes])
    assert "All systems side by side" in words
    made = document.provenance
    assert all(part in words for part in (made.command, made.dataset_checksum, *made.versions))


def test_headings_step_down_one_at_a_time() -> None:
    document = report(system("classic", 0), system("compact", 1))
    document = document.model_copy(update={"blocks": document.systems[0].sections[1].blocks})
    levels = [int(one.tag[1]) for one in page(document).elements if re.fullmatch(r"h\d", one.tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_image_and_chart_has_words_and_every_chart_its_numbers() -> None:
    shown = page(report())
    assert shown.all("img") and all(one.attributes["alt"] for one in shown.all("img"))
    charts = shown.all("svg")
    assert len(charts) == 5 and all(one.attributes["role"] == "img" for one in charts)
    assert len(shown.all("title")) >= 1 + len(charts)
    assert sum("Numbers of this chart" in one.text for one in shown.all("details")) == 5


def test_links_lead_somewhere() -> None:
    shown = page(report(system("classic", 0), system("compact", 1)))
    ids = [one.attributes["id"] for one in shown.elements if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    links = {one.attributes["href"][1:] for one in shown.all("a")}
    assert links and links <= set(ids)


def test_a_image_that_was_left_out_is_named() -> None:
    document = Report.model_validate(report().model_dump())
    assert "not in the report" in page(document).words


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_series_stand_out_from_what_lies_under_them(scheme: str) -> None:
    """WCAG 2.2: 4.5 : 1 for text; the darkest cell of a heat map carries text too."""
    light, dark = schemes(CSS)
    paper = re.findall(r"@media print \{\s*:root \{(.*?)\}", CSS, re.DOTALL)[0]
    printed = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", paper))
    colours = {"light": light, "dark": dark, "print": printed}[scheme]
    assert colours.keys() == light.keys()
    for background in ("background", "panel"):
        for ink in ("ink", "quiet", "accent", "good", "s0", "s1", "s2", "s3", "s4", "s5"):
            assert contrast(colours[ink], colours[background]) >= 4.5, (ink, background)
    assert contrast(colours["ink"], colours["heat"]) >= 4.5


def test_blocks_of_all_systems_come_before_them() -> None:
    made = report()
    first = made.systems[0].sections[1].blocks[1]
    words = page(made.model_copy(update={"blocks": (first,)})).words
    assert words.index("At a glance", words.index("Contents") + 60) < words.rindex("fingerprint")
    assert "At a glance" not in page(made).words


def test_groups_of_the_same_figures_share_a_table() -> None:
    shown = page(report())
    (family,) = shown.all("section", "family")
    assert all(name in family.text for name in ("product / reranked", "category", "R@1", "MRR"))
