"""The rules of axe (Deque Systems, MPL-2.0) for what a page shows, light and dark."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def assert_accessible(page: Page) -> None:
    """No finding of serious or critical impact, in the light and in the dark."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(_axe())  # as a console would: the policy forbids a tag
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert _findings(page) == [], scheme


def _findings(page: Page) -> list[str]:
    """Each with the first element that has it."""
    found: dict[str, Any] = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
