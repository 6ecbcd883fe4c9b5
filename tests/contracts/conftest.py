"""The homes of galleries, over which their contracts are tested."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from tests.postgres_server import PostgresServer

NewAddress = Callable[[], str]
_NUMBERS = count()


@pytest.fixture(scope="module", params=["folder", pytest.param("postgres", marks=pytest.mark.slow)])
def new_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewAddress:
    """Makes addresses where no gallery is yet."""
    if request.param == "folder":
        return lambda: str(tmp_path_factory.mktemp("galleries") / "gallery")
    server: PostgresServer = request.getfixturevalue("postgres")
    return lambda: server.address(schema=f"contract_{next(_NUMBERS)}")


@pytest.fixture
def address(new_address: NewAddress) -> str:
    return new_address()
