"""One small system for all tests of a module; nothing changes it."""

from __future__ import annotations

import pytest

from tests.offline.evaluate.efficiency.small_system import Small, small_system


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small_system(tmp_path_factory.mktemp("small"))
