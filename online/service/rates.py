"""How often one client may send a request: a token bucket for each."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import ConfigError

_CLIENTS = 10_000  # buckets that are kept; the least recently used is full again anyway
_NETWORK_OF_ONE = 64  # bits of an IPv6 address that its owner cannot choose


@dataclass(frozen=True)
class Rate:
    """``per_second`` requests in the long run, ``burst`` at once."""

    per_second: float
    burst: int

    def __post_init__(self) -> None:
        if not (0 < self.per_second < float("inf") and self.burst >= 1):
            raise ConfigError(
                f"A rate is more than 0 requests a second and a burst of at least 1, unlike "
                f"{self.per_second:g} and {self.burst}."
            )


class TokenBuckets:
    """A bucket a client, full at first. For one thread: that of the event loop."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at

    def take(self, client: str) -> float:
        """0 where a token was taken, else the seconds until there is one; none is taken then."""
        now = self._clock()
        tokens, at = self._levels.get(client, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + (now - at) * self._rate.per_second)
        missing = 1 - tokens
        self._levels[client] = (tokens if missing > 0 else tokens - 1, now)
        self._levels.move_to_end(client)
        while len(self._levels) > _CLIENTS:
            self._levels.popitem(last=False)
        return max(0.0, missing) / self._rate.per_second


def client_of(address: str) -> str:
    """Who is counted as one: an address, of IPv6 the network that one owner has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _NETWORK_OF_ONE), strict=False))
