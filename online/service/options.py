"""How a service runs: every flag of `packsight serve`, with its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ConfigError

MEGABYTE = 10**6


@dataclass(frozen=True)
class ServiceOptions:
    """``galleries``: addresses by name, the first is the default. ``queue``: photos that may be
    waiting or described at a time, more are refused. ``deadline``: seconds for one photo.
    ``batch``: photos that are described at once, at most."""

    galleries: Mapping[str, str]
    host: str = "127.0.0.1"
    port: int = 8000
    root_path: str = ""
    queue: int = 32
    deadline: float = 20.0
    batch: int = 8
    threads: int = 2  # that search
    max_bytes: int = 20 * MEGABYTE  # of a request's body
    max_pixels: int = 50_000_000
    rate: float = 0.0  # requests a second and key; 0: no limit
    keys: Path | None = None
    allow_origins: tuple[str, ...] = ()
    allow_urls: tuple[str, ...] = ()
    overrides: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.galleries:
            raise ConfigError("a service needs a gallery: --gallery DIR or --gallery NAME=DIR.")
        for name in ("queue", "batch", "threads", "max_bytes", "max_pixels"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} = {getattr(self, name)}: must be at least 1.")
        if self.deadline <= 0:
            raise ConfigError(f"deadline = {self.deadline}: must be above 0 seconds.")

    @property
    def default_gallery(self) -> str:
        return next(iter(self.galleries))
