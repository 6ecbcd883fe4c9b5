"""Colours of the pages' styles, and how far they stand out from each other."""

from __future__ import annotations

import re
from pathlib import Path

import engine.pages

BASE = (Path(engine.pages.__file__).parent / "base.css").read_text("utf-8")


def schemes(own: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names and values of the light and the dark colours: those of all pages and a page's own."""
    found = [re.findall(r":root \{(.*?)\}", css, re.DOTALL) for css in (BASE, own)]
    light, dark = ("".join(blocks[at] for blocks in found) for at in (0, 1))
    return _colours(light), _colours(dark)


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", css))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
