"""What a service refuses to start with, and what its options let through the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from online.service.keys import KeyFile
from online.service.options import ServiceOptions


def options(**given: object) -> ServiceOptions:
    return ServiceOptions(galleries={"jars": "jars"}, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example", ""])
def test_an_address_beyond_this_machine_needs_keys(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        options(host=host)
    keys = KeyFile(tmp_path / "keys.json")
    with pytest.raises(ConfigError) as refused:
        options(host=host, keys=keys.path).gate()
    assert "packsight keys add" in refused.value.remedy
    keys.add("shop", "read")
    gate = options(host=host, keys=keys.path).gate()
    assert gate.keys is not None and gate.hosts is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_on_this_machine_all_may_call_it_by_its_own_names(host: str) -> None:
    gate = options(host=host, hosts=("Shop.example",)).gate()
    assert gate.keys is None and gate.hosts is not None
    assert {"localhost", "127.0.0.1", "[::1]", "shop.example"} <= gate.hosts


def test_photos_are_fetched_from_nowhere_by_default() -> None:
    remote = options().remote_images()
    assert not remote.prefixes and not remote.networks
    allowed = options(allow_urls=("https://images.example/p/",), url_networks=("private",))
    assert [str(one) for one in allowed.remote_images().prefixes] == ["https://images.example/p/"]
    with pytest.raises(ConfigError):
        options(allow_urls=("images.example",)).remote_images()
    with pytest.raises(ConfigError):
        options(allow_origins=("*",)).gate()


@pytest.mark.parametrize("rate", [-1.0, float("nan")])
def test_a_rate_below_zero_is_not_taken_for_no_limit(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate"):
        options(rate=rate)
