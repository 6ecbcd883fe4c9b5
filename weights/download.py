"""Fetch one file over HTTP: to a file beside the target, resumed, verified, then renamed."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from engine.errors import WeightsError
from engine.files import sync_folder
from engine.timings import Interval
from weights.checksums import Checksum, Digests, digests_of
from weights.mistaken import mistaken_for

_log = logging.getLogger(__name__)

_ATTEMPTS = 4  # a broken connection is resumed three times
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16  # bytes
_LOGGED = 30.0  # seconds between two lines of progress where there is no terminal
_RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class Source:
    """The file to fetch, its size and checksum."""

    name: str  # in the catalogue, for messages
    url: str
    checksum: Checksum | None
    size: int | None  # bytes


class _BrokenTransferError(Exception):
    """The connection ended before the file did; the bytes that arrived are kept."""


def download(source: Source, target: Path) -> Digests:
    """Fetch to ``target.part``, verify, fsync and rename; the caller holds the file's lock.

    A leftover ``.part`` is continued when a checksum can prove the result; without one the two
    halves could come from different versions, so it starts anew.
    """
    part = target.with_name(f"{target.name}.part")
    if source.checksum is None:
        part.unlink(missing_ok=True)
    try:
        _transfer(source, part)
        _refuse_mistake(source, part)
        digests = digests_of(part)
        _check(source, part, digests)
        _rename(part, target)
    except OSError as error:
        raise WeightsError(
            f"{target}: cannot be written ({error.strerror or error}).",
            remedy="Free some space or name another folder in PACKSIGHT_WEIGHTS_DIR.",
        ) from error
    return digests


def _transfer(source: Source, part: Path) -> None:
    """Bring all bytes into ``part``, over several connections if need be."""
    with _progress(source) as advance:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _continue(source, part, advance)
                return
            except _BrokenTransferError as error:
                if attempt == _ATTEMPTS:
                    raise _unreachable(source, part, str(error)) from error
                _log.info("%s: %s; trying again", source.url, error)
                time.sleep(0.2 * attempt)


def _continue(source: Source, part: Path, advance: Callable[[int, int | None], None]) -> None:
    """One connection: request the missing bytes and append them."""
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(source, have)
    except HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE and have:
            if _total(error.headers.get("Content-Range")) == have:
                return  # all of it is there already
            part.unlink()
            raise _BrokenTransferError("the leftover part does not fit, starting again") from error
        if error.code >= 500:
            raise _BrokenTransferError(f"the server answered {error.code}") from error
        raise _refused(source, part.parent, error) from error
    except (OSError, HTTPException) as error:
        raise _BrokenTransferError(str(getattr(error, "reason", error))) from error
    with response:
        _append(response, part, have, advance)


def _open(source: Source, have: int) -> HTTPResponse:
    request = Request(source.url, headers={"User-Agent": "packsight"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    response: HTTPResponse = urlopen(request, timeout=_TIMEOUT)
    return response


def _append(
    response: HTTPResponse, part: Path, have: int, advance: Callable[[int, int | None], None]
) -> None:
    content_range = response.headers.get("Content-Range", "")
    resumed = response.status == 206 and content_range.startswith(f"bytes {have}-")
    done = have if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    advance(done, total)
    with part.open("ab" if resumed else "wb") as file:
        for chunk in _chunks(response):
            file.write(chunk)  # a full disk is an OSError and no broken connection
            done += len(chunk)
            advance(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done < total:
        raise _BrokenTransferError(f"the connection ended after {done} of {total} bytes")


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _BrokenTransferError(f"the connection broke ({error})") from error
        if not chunk:
            return
        yield chunk


def _total(content_range: str | None) -> int | None:
    """N of ``bytes */N``."""
    _, _, total = (content_range or "").rpartition("/")
    return int(total) if total.isdecimal() else None


def _refuse_mistake(source: Source, part: Path) -> None:
    """A page that a server sends with a success, such as a login, must not pass for weights."""
    mistake = mistaken_for(part)
    if mistake is not None:
        part.unlink()
        raise WeightsError(
            f"{source.url}: the server sent {mistake.kind}, not weights. It was deleted.",
            remedy=f"Get the file elsewhere and put it into {part.parent}.",
        )


def _check(source: Source, part: Path, digests: Digests) -> None:
    """Delete a file that is not the published one: a rerun must not continue it."""
    if source.size is not None and digests.size != source.size:
        part.unlink()
        raise _not_published(source, f"{source.size} bytes", f"{digests.size} bytes")
    checksum = source.checksum
    if checksum is not None and not checksum.matches(digests):
        part.unlink()
        raise _not_published(source, str(checksum), f"{checksum.form} {checksum.found(digests)}")


def _rename(part: Path, target: Path) -> None:
    part.replace(target)
    sync_folder(target.parent)


@contextmanager
def _progress(source: Source) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar where stderr is a terminal, else a line from time to time."""
    if not sys.stderr.isatty():
        yield _logged(source.name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Speed

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed())
    # A command's own stream would show what is drawn as escapes.
    console = Console(file=getattr(sys.stderr, "as_found", sys.stderr))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(source.name, total=source.size)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _logged(name: str) -> Callable[[int, int | None], None]:
    interval = Interval(_LOGGED)

    def line(done: int, total: int | None) -> None:
        if interval.is_over():
            of = f" of {total / 2**20:.1f}" if total else ""
            print(f"{name}: {done / 2**20:.1f}{of} MiB", file=sys.stderr, flush=True)

    return line


def _not_published(source: Source, expected: str, found: str) -> WeightsError:
    return WeightsError(
        f"{source.url}: the download is not the published file: expected {expected}, "
        f"found {found}. It was deleted.",
        remedy=f"Try again with: packsight weights fetch {source.name}",
    )


def _refused(source: Source, directory: Path, error: HTTPError) -> WeightsError:
    return WeightsError(
        f"{source.url}: the server answered {error.code} {error.reason}.",
        remedy=f"Get the file elsewhere and put it into {directory}.",
    )


def _unreachable(source: Source, part: Path, reason: str) -> WeightsError:
    kept = f" {part.stat().st_size} bytes are kept." if part.exists() else ""
    return WeightsError(
        f"{source.url}: cannot be fetched: {reason}.{kept}",
        remedy=f"When the connection is back: packsight weights fetch {source.name}; "
        f"or put the file into {part.parent}.",
    )
