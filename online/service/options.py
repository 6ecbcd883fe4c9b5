"""How a service runs: every flag of `packsight serve`, with its default."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from online.service.access import LOOPBACK_HOSTS
from online.service.gate import GateOptions
from online.service.keys import KeyFile
from online.service.rates import Rate
from online.service.remote_images import RemoteImages
from online.service.web_addresses import Network, parse_prefix
from online.service.webhook import WebhookOptions

MEGABYTE = 10**6


@dataclass(frozen=True)
class ServiceOptions:
    """``galleries``: addresses by name, the first is the default. ``queue``: photos that are
    taken at a time, more are refused. ``deadline``: seconds for one photo. ``batch``: photos that
    are described at once, at most. ``threads`` search. ``max_bytes`` of a body with one photo.
    ``rate``: requests a second of a key, or of an address without keys; 0: no limit. ``hosts``:
    names by which others than this machine may call it. ``keys``: their file; None: open to all,
    which an address beyond this machine refuses to be. ``allow_urls``: beginnings of addresses
    that photos are fetched from; hosts in ``url_networks`` too. ``webhook``: where the end of
    every job is posted to. Raises ConfigError."""

    galleries: Mapping[str, str]
    host: str = "127.0.0.1"
    root_path: str = ""
    queue: int = 32
    deadline: float = 20.0
    batch: int = 8
    threads: int = 2
    max_bytes: int = 32 * MEGABYTE
    max_pixels: int = 50_000_000
    rate: float = 20.0
    keys: Path | None = None
    body_seconds: float = 60.0
    allow_origins: tuple[str, ...] = ()
    allow_urls: tuple[str, ...] = ()
    url_networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    webhook: WebhookOptions | None = None

    def __post_init__(self) -> None:
        if not self.galleries:
            raise ConfigError("a service needs a gallery: --gallery DIR or --gallery NAME=DIR.")
        for name in ("queue", "batch", "threads", "max_bytes", "max_pixels"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: must be at least 1.")
        if not self.rate >= 0:
            raise ConfigError(f"rate = {self.rate}: must be at least 0; 0 is no limit.")
        if self.deadline <= 0:
            raise ConfigError(f"deadline = {self.deadline}: must be above 0 seconds.")
        if self.keys is None and not _is_loopback(self.host):
            raise ConfigError(
                f"--host {self.host}: others than this machine would reach it without a key.",
                remedy="Make one with packsight keys add NAME --scope read, and give --keys FILE.",
            )

    def gate(self) -> GateOptions:
        """Any name may call a service that has keys, where no ``hosts`` are given."""
        hosts: Set[str] | None = LOOPBACK_HOSTS | {host.lower() for host in self.hosts}
        if self.keys is not None and not self.hosts:
            hosts = None
        # A page of a hundred hits loads as many thumbnails.
        limit = Rate(self.rate, max(200, int(10 * self.rate))) if self.rate > 0 else None
        return GateOptions(
            keys=None if self.keys is None else _keys(self.keys),
            hosts=hosts,
            root_path=self.root_path,
            origins=frozenset(self.allow_origins),
            rate=limit,
            max_bytes=self.max_bytes,
            body_seconds=self.body_seconds,
        )

    def remote_images(self) -> RemoteImages:
        return RemoteImages(
            prefixes=[parse_prefix(one) for one in self.allow_urls],
            networks=frozenset(self.url_networks),
            max_bytes=self.max_bytes,
        )


def _keys(path: Path) -> KeyFile:
    """ConfigError where there is none: nothing could be reached."""
    keys = KeyFile(path)
    if not keys.all():
        raise ConfigError(
            f"--keys {path}: there is no key in it.",
            remedy=f"Make one: packsight keys add NAME --scope read --file '{path}'",
        )
    return keys


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
