"""A report's page as a test reads it."""

from __future__ import annotations

from tests.online.page_samples import VOID_TAGS, ParsedPage


class ReportPage(ParsedPage):
    """SVG elements may close themselves."""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID_TAGS:
            self._open.pop()
