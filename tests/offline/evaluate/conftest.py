"""The command line, for the tests of every `packsight evaluate`."""

from __future__ import annotations

import pytest

from tests.packsight_command import Command


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)
