"""What a gallery is described by: the manifest of each of its generations, and which is in use."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from shlex import quote

from engine import __version__
from engine.config import Settings, Tables
from engine.errors import DamageError, FingerprintError, GalleryError

FORMAT_VERSION = 1
METRIC = "euclidean"


@dataclass(frozen=True)
class Manifest:
    """Written once, when the gallery is created."""

    fingerprint: str
    dimension: int
    normalised: bool
    settings: Tables = field(default_factory=dict)  # as of the ingest that created the gallery
    format_version: int = FORMAT_VERSION
    metric: str = METRIC
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    written_by: str = f"packsight {__version__}"

    def to_rows(self) -> list[tuple[str, str]]:
        """(key, JSON value) pairs."""
        return [(key, json.dumps(value)) for key, value in vars(self).items()]

    @classmethod
    def from_rows(cls, rows: list[tuple[str, str]], where: str) -> Manifest:
        """Read the pairs back; raises GalleryError for another format or a damaged manifest."""
        try:
            values = {key: json.loads(value) for key, value in rows}
        except ValueError as error:
            raise DamageError(f"{where}: the manifest is damaged ({error}).") from error
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise GalleryError(
                f"{where}: gallery format {version}, this packsight reads {FORMAT_VERSION}.",
                remedy="Use the packsight that wrote it, or ingest into a new folder.",
            )
        try:
            return cls(**{key: values[key] for key in cls.__dataclass_fields__})
        except KeyError as missing:
            raise DamageError(f"{where}: the manifest lacks {missing}.") from None

    def read_settings(self) -> Settings:
        """The settings that the images were described with."""
        return Settings.from_tables(self.settings)

    def require(self, fingerprint: str, where: str) -> None:
        """Raise FingerprintError unless the parts at hand describe as this gallery was."""
        if fingerprint == self.fingerprint:
            return
        raise FingerprintError(
            f"{where}: described by other parts (gallery {self.fingerprint[:12]}, "
            f"now {fingerprint[:12]}).",
            remedy="Leave out --profile, --config and --set to use the gallery's own settings "
            f"(packsight gallery info {quote(where)} lists them), or ingest into a new folder with "
            "--gallery NEW.",
        )


@dataclass(frozen=True)
class Generations:
    """The sets of descriptions that lie at one address, each by its own models. A gallery that was
    never migrated is its own only generation."""

    current: str  # the one in use, which is opened by the address alone
    names: tuple[str, ...]  # all that are there, the oldest first
    before: str | None = None  # the one that was in use before, which a rollback leads to
    since: str = ""  # when the current one came into use; "": when it was made

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Those that were never in use."""
        return tuple(name for name in self.names if name not in (self.current, self.before))
