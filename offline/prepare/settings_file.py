"""The settings file that a prepared system is used by: the last step."""

from __future__ import annotations

import tomllib
from pathlib import Path

from engine.config import Settings, overlay
from engine.errors import ConfigError
from engine.files import write_whole
from offline.prepare import estimates
from offline.prepare.steps import Step, text_sha256
from offline.train.run import Callbacks
from stages.assemble import assemble
from weights.toml_text import toml_lines

# Of the machine that a system runs on, not of the system.
_OF_THE_MACHINE = ("weights", "runtime")


def settings_step(target: Path, settings: Settings, header: str, needs: tuple[str, ...]) -> Step:
    """Writes the settings, after all parts were opened together; ``header``: its first line."""
    text = _text(settings, header, target.name)

    def run(callbacks: Callbacks) -> None:
        written = overlay(Settings(), tomllib.loads(text), target.name)
        assemble(written)  # raises for parts that do not fit together
        write_whole(target, text)

    return Step(
        "settings",
        "the files above",
        (target,),
        lambda: text_sha256(text),
        run,
        estimates.OPENING,
        needs=needs,
    )


def _text(settings: Settings, header: str, name: str) -> str:
    """Of each stage the options that were chosen, and no more: a default that is written down
    would count as chosen. Every section is there, so that nothing of another profile is left."""
    lines = [
        f"# {header} Use it with",
        "# packsight ingest FOLDER --gallery GALLERY --config THIS_FILE",
    ]
    for section, table in settings.tables().items():
        if section in _OF_THE_MACHINE:
            continue
        try:
            lines += ["", f"[{section}]", *toml_lines(table)]
        except ValueError as error:
            raise ConfigError(
                f"[{section}]: cannot be written to {name}: {error}.",
                remedy="Choose another --out.",
            ) from None
    return "\n".join(lines) + "\n"
