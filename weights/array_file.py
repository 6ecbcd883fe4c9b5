"""A few arrays and facts about them in one file: .npz without pickle, facts as JSON.

The same arrays and facts give the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.mistaken import require_no_mistake

FACTS = "facts"
# Errors of numpy, zipfile and json for a file of another kind, or an empty one.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
)


def write_arrays(path: Path, arrays: Mapping[str, FloatArray], facts: Mapping[str, Any]) -> None:
    """Facts hold ``version``. OSError where the file cannot be written."""
    text = json.dumps(dict(facts), sort_keys=True, ensure_ascii=False)
    buffer = io.BytesIO()
    members: dict[str, Any] = {**arrays, FACTS: np.array(text)}
    np.savez(buffer, **members)
    path.write_bytes(buffer.getvalue())


def read_arrays(
    path: Path, kind: str, names: Sequence[str], version: int, again: str
) -> tuple[list[FloatArray], dict[str, Any]]:
    """The arrays of these names as float32, in their order, and the facts without ``version``.

    Raises WeightsError for a file that is absent, of another kind than ``kind``, or of another
    version; ``again`` is its remedy, the command that makes the file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            facts = json.loads(str(archive[FACTS]))
            stored = facts.pop("version")
            if stored == version:
                return [np.asarray(archive[name], np.float32) for name in names], facts
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no such file.", remedy=again) from None
    except _DAMAGED as error:
        require_no_mistake(path)
        raise WeightsError(f"{path}: not a {kind} ({error}).", remedy=again) from error
    raise WeightsError(
        f"{path}: version {stored}, this Packsight reads version {version}.", remedy=again
    )
