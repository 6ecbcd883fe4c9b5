"""Addresses of the web: parsed so that they can be read in one way alone, and the networks that
addresses of hosts belong to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from engine.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = Literal["loopback", "link-local", "private"]
NETWORKS: tuple[Network, ...] = get_args(Network)
Place = Network | Literal["public", "never"]

_PORTS = {"http": 80, "https": 443}
_LONGEST = 2048  # characters of an address
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# A last part like this is a number to some parsers: 2130706433, 0x7f000001, 127.1, 0177.0.0.1.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are of IPv4
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598: behind a provider's NAT
_UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")  # RFC 4193
_PRIVATE_4 = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
# Of IPv6 only what is given out to networks; 6to4 and Teredo lead to any address of IPv4.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_TUNNELS = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32")))


@dataclass(frozen=True)
class WebAddress:
    """An address that was parsed strictly: none of its parts can be read in two ways."""

    scheme: str
    host: str  # lower case; IPv6 without brackets
    port: int
    path: str  # as it was sent, from the slash on
    query: str  # with its question mark, or empty

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    def pinned(self, address: Address) -> str:
        """The URL that connects to ``address``."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}{self.query}"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.path}{self.query}"


def parse_prefix(text: str) -> WebAddress:
    """The value of --allow-url; ConfigError."""
    found = parse_address(text)
    if found is None or found.query:
        raise ConfigError(
            f"--allow-url: {text!r} is no beginning of an address.",
            remedy="Write scheme, host and folder, such as https://images.example/products/.",
        )
    return found


def parse_address(url: str) -> WebAddress | None:
    """None for all that is not plainly one: with a user, a fragment, a number for a host, a path
    that climbs, characters that some parsers drop or turn around."""
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or set(url) & set(" \\#"):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    bracketed = "[" in parts.netloc
    if parts.scheme not in _PORTS or "@" in parts.netloc or port == 0:
        return None
    if not _is_host(host) or bracketed != (":" in host):
        return None
    path = parts.path or "/"
    if _is_ambiguous(path):
        return None
    query = f"?{parts.query}" if parts.query else ""
    return WebAddress(parts.scheme, host, port or _PORTS[parts.scheme], path, query)


def _is_host(host: str) -> bool:
    """A name of DNS, or an address in its one usual spelling."""
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        pass
    labels = host.split(".")
    named = len(host) <= 253 and all(map(_LABEL.fullmatch, labels))
    return named and not _NUMBER.fullmatch(labels[-1])


def _is_ambiguous(path: str) -> bool:
    """Dots that climb, and slashes and percent signs that hide: servers differ in reading them."""
    plain = unquote(path)
    hidden = plain.count("/") != path.count("/") or "\\" in plain or "%" in plain
    return hidden or not plain.isprintable() or not {".", ".."}.isdisjoint(plain.split("/"))


def is_below(address: WebAddress, prefix: WebAddress) -> bool:
    folder = prefix.path if prefix.path.endswith("/") else f"{prefix.path}/"
    below = address.path == prefix.path or address.path.startswith(folder)
    return address.origin == prefix.origin and below


def place_of(address: Address) -> Place:
    """Which network an address belongs to, also one of IPv4 that is written as IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        return _place_of_6(address)
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address in _SHARED or any(address in network for network in _PRIVATE_4):
        return "private"
    return "public" if address.is_global and not address.is_multicast else "never"


def _place_of_6(address: ipaddress.IPv6Address) -> Place:
    if address.ipv4_mapped is not None:
        return place_of(address.ipv4_mapped)
    if address in _NAT64:
        return place_of(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address in _UNIQUE_LOCAL:
        return "private"
    tunnelled = any(address in network for network in _TUNNELS)
    given_out = address in _GIVEN_OUT and address.is_global and not tunnelled
    return "public" if given_out else "never"
