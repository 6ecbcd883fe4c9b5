"""What all HTML pages share: templates that escape, common styles, and text that a file can hold.

Both ``online`` (the result page) and ``offline`` (the report) write pages, and the two meet only
in the packages below them; no engine module imports this one.
"""

from __future__ import annotations

import base64
import re

import jinja2

# Control characters but tab and newline: HTML forbids them, file names do not.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def environment(package: str) -> jinja2.Environment:
    """Templates of the package's folder ``web``, which may use those of this one: ``head.html``
    and the styles in it.

    Every value is escaped, and a name that is not defined is an error.
    """
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(package, "web"), jinja2.PackageLoader("engine", "pages")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def presentable(html: str) -> str:
    """Drop the characters that HTML forbids: a file name that is not UTF-8 holds lone
    surrogates, and any name may have control characters."""
    return _FORBIDDEN.sub("\ufffd", html).encode("utf-8", "replace").decode("utf-8")


def jpeg_uri(jpeg: bytes) -> str:
    """A data URI with the image itself, so that a page loads nothing else."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
