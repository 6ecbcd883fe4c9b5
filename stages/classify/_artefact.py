"""Whether a trained classifier's artefact fits the settings that it is served with."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ConfigError
from stages.options import in_words
from weights.classifier_artefact import ClassifierArtefact, artefact_path


def check_options(given: set[str], path: Path) -> None:
    """ConfigError for options that the artefact beside the model at ``path`` answers itself."""
    double = sorted({"labels", "activation"} & given)
    if double:
        raise ConfigError(
            f"[classify] {', '.join(double)}: {artefact_path(path)} says that already.",
            remedy="Leave the option out, or copy the .onnx file alone to another folder.",
        )


def check_cutting(artefact: ClassifierArtefact, served: str, path: Path) -> None:
    """ConfigError when the pictures are cut out otherwise than those that it learned from.

    ``served`` is the fingerprint of the cutting stages, "" where nobody knows it.
    """
    if not served or artefact.cut_fingerprint in ("", served):
        return
    wanted = in_words(artefact.cut)
    raise ConfigError(
        f"{path}: learned from pictures that were cut out otherwise than these settings do it"
        f"{f': {wanted}' if wanted else ''}.",
        remedy="Use those settings, or classify.any_cutting = true to take what it then says.",
    )
