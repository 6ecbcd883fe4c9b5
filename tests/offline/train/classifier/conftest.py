"""Keras for tests in this process: on torch, which the exporter's tests need too.

A process has one backend for its life. How Packsight chooses one by itself is seen by the tests
that run the command.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import pytest


@pytest.fixture(scope="session")
def keras() -> Any:
    pytest.importorskip("torch", reason="needs the extra `train`")
    with suppress(ImportError):
        # Keras brings TensorFlow to train, after which Mitsuba's import would end the process.
        import mitsuba  # noqa: F401
    if "keras" not in sys.modules:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KERAS_BACKEND", "torch")
            pytest.importorskip("keras", reason="needs the extra `train`")
    found = sys.modules["keras"]
    if found.backend.backend() != "torch":
        pytest.skip(f"Keras runs on {os.environ.get('KERAS_BACKEND')} in this process")
    return found
