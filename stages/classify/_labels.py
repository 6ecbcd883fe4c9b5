"""The list of labels of a model that has no artefact: a text file, one label a line."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ConfigError


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line, blank lines ignored; ConfigError if absent, empty or not distinct."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the classifier's labels cannot be read ({error}).",
            remedy="Give the option labels a UTF-8 text file with one label a line.",
        ) from error
    labels = tuple(line.strip() for line in lines if line.strip())
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if not labels or repeated:
        fault = f"labels that come twice: {', '.join(repeated)}" if repeated else "no label"
        raise ConfigError(f"{path}: {fault}.", remedy="Give every output its own line.")
    return labels
