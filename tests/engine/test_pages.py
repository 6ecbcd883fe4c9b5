"""What all pages share."""

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pages import environment, jpeg_uri, presentable

PACKAGES = ["online", "offline.report"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_escapes_every_name_and_has_the_common_look(package: str) -> None:
    templates = environment(package)
    shown = templates.from_string('{{ name }}{% include "base.css" %}').render(name="<b>")
    assert shown.startswith("&lt;b&gt;:root {")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_a_template_does_not_get_is_an_error(package: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        environment(package).from_string("{{ nothing }}").render()


@given(st.text(st.characters()) | st.sampled_from(["\udcff", "\x00\x1b", "\x9f"]))
def test_any_text_can_be_written_and_has_no_control_characters(text: str) -> None:
    shown = presentable(text)
    assert len(shown) == len(text)
    shown.encode("utf-8")
    assert not [c for c in shown if c not in "\t\n" and (c < " " or "\x7f" <= c <= "\x9f")]
    assert presentable(shown) == shown


def test_an_image_is_its_own_address() -> None:
    assert jpeg_uri(b"\xff\xd8") == "data:image/jpeg;base64,/9g="
