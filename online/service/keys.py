"""API keys: who may read and who may curate; in a file that holds digests, never the keys."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from engine.errors import ConfigError
from engine.files import replacing
from engine.names import canonical, nearest

KeyScope = Literal["read", "curate"]  # who curates may read too
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)

PREFIX = "psk_"  # by which scanners of repositories and logs recognise a key
_RANDOM_BYTES = 32  # 256 bits: too many to guess, so that a fast digest is enough
_LONGEST_NAME = 64
_PATIENCE = 10.0  # seconds that a writer waits for another
_OTHERS_MAY_WRITE = 0o022
_Version = tuple[int, int, int, int]


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key: whose it is, what it opens, its SHA-256 in hex, when it was made."""

    name: str
    scope: KeyScope
    sha256: str
    created: str  # ISO 8601, UTC

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise ConfigError(
                f"A key's name has 1 to {_LONGEST_NAME} printable characters, unlike "
                f"{self.name[: 2 * _LONGEST_NAME]!r}."
            )
        if self.scope not in SCOPES:
            raise ConfigError(f"{self.name}: no scope {self.scope!r}. Valid: {', '.join(SCOPES)}.")

    def opens(self, needed: KeyScope) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(needed)


class KeyFile:
    """The keys of one file. Thread-safe; changes of other processes count at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[_Version | None, Sequence[ApiKey]] = (None, ())

    def all(self) -> Sequence[ApiKey]:
        """In the order they were made; none where there is no file. Raises ConfigError."""
        if self._read[0] is None or self._read[0] != _version(self.path):
            self._read = _read(self.path)
        return self._read[1]

    def find(self, secret: str) -> ApiKey | None:
        """The key that ``secret`` is, if it is one. Raises ConfigError.

        All are compared, each in constant time, so that the time taken gives no hint of any.
        """
        digest = _digest(secret)
        found = [key for key in self.all() if hmac.compare_digest(key.sha256, digest)]
        return found[0] if found else None

    def add(self, name: str, scope: KeyScope) -> str:
        """A new key; it is kept nowhere else. Raises ConfigError (name, file)."""
        secret = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        key = ApiKey(canonical(name), scope, _digest(secret), now)
        with self._writing():
            if any(other.name == key.name for other in self.all()):
                raise ConfigError(
                    f"{self.path}: there is a key named {key.name!r} already.",
                    remedy=f"Choose another name, or: packsight keys revoke {key.name!r}",
                )
            self._write([*self.all(), key])
        return secret

    def revoke(self, name: str) -> None:
        """It opens nothing from now on. Raises ConfigError."""
        name = canonical(name)
        with self._writing():
            kept = [key for key in self.all() if key.name != name]
            if len(kept) == len(self.all()):
                raise self._unknown(name)
            self._write(kept)

    def _unknown(self, name: str) -> ConfigError:
        meant = nearest(name, [key.name for key in self.all()])
        remedy = f"Did you mean {meant!r}?" if meant else "packsight keys list shows them."
        return ConfigError(f"{self.path}: no key named {name!r}.", remedy=remedy)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{self.path}.lock", timeout=_PATIENCE):
                yield
        except Timeout:
            raise ConfigError(f"{self.path}: another process writes to it.") from None
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror}).") from error

    def _write(self, keys: Sequence[ApiKey]) -> None:
        text = json.dumps({"keys": [asdict(key) for key in keys]}, ensure_ascii=False, indent=2)
        with replacing(self.path) as part:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{text}\n")
        self._read = (None, ())


def default_key_file() -> Path:
    """In the user's folder of settings; ConfigError for a user without a home."""
    from platformdirs import user_config_path

    try:
        return user_config_path("packsight", appauthor=False) / "keys.json"
    except RuntimeError:
        raise ConfigError(
            "There is no home folder, so no place for a file of keys.",
            remedy="Name one: --file FILE (packsight keys), --keys FILE (packsight serve).",
        ) from None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _version(path: Path) -> _Version | None:
    """Another for every change: each makes a new file. None where there is none."""
    try:
        return _version_of(path.stat())
    except OSError:
        return None


def _version_of(status: os.stat_result) -> _Version:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _read(path: Path) -> tuple[_Version | None, Sequence[ApiKey]]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return None, ()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    if os.name == "posix" and status.st_mode & _OTHERS_MAY_WRITE:
        raise ConfigError(
            f"{path}: others than its owner may write keys of their own into it.",
            remedy=f"chmod 600 '{path}'",
        )
    try:
        keys = [_key(entry) for entry in json.loads(content)["keys"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(
            f"{path}: is not a file of keys, or is damaged.",
            remedy="Move it away and make new keys: packsight keys add NAME --scope read",
        ) from error
    return _version_of(status), keys


def _key(entry: dict[str, str]) -> ApiKey:
    """Raises ValueError, TypeError, KeyError or ConfigError for what is none."""
    key = ApiKey(entry["name"], entry["scope"], entry["sha256"], entry["created"])  # type: ignore[arg-type]
    if len(bytes.fromhex(key.sha256)) != hashlib.sha256().digest_size:
        raise ValueError
    return replace(key, sha256=key.sha256.lower())
