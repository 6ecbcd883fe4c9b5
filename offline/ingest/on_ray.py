"""An ingest on many machines: units are handed out to workers that Ray runs.

Ray decides where workers run and notices when they end. What is to be done and what is done stands
in the gallery's database alone (``engine.galleries.units``), so that this process may die, too.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from engine import __version__
from engine.errors import ConfigError, FingerprintError, PacksightError, WeightsError
from engine.files import file_sha256
from engine.galleries import gallery_identity
from engine.galleries.units import TRIES, Units
from offline.ingest.describing import Describing
from offline.ingest.plan import Planner, Task
from offline.ingest.scan import Refusal
from offline.ingest.unit_worker import Scan, UnitWorker, install
from offline.ingest.units import Outcome, from_text, sizes_of_many, to_text, units_of

if TYPE_CHECKING:
    from engine.galleries.postgres import PostgresGallery

SILENT_SECONDS = 300.0  # without a sign of a worker until its unit is another's
START_SECONDS = 120.0  # until the first worker has its processors
_REACH_SECONDS = 5.0
_MOST_THREADS = 4  # of a worker, where settings name none: more workers gain more than threads
_AT_ONCE = 16  # files that are hashed at a time


def require_ray(address: str, gallery: str) -> None:
    """ConfigError where an ingest by Ray into this gallery cannot begin."""
    if not gallery.lower().startswith(("postgresql:/", "postgres:/")):
        raise ConfigError(
            f"{gallery}: --ray is for galleries in PostgreSQL, which many machines can write to; a "
            "gallery in a folder has one writer.",
            remedy="Name one by --gallery postgresql://USER@HOST/DATABASE, or leave out --ray.",
        )
    ray = _ray()
    address = address or os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto", or none: Ray looks for it
    if host in ("localhost", "127.0.0.1"):
        host = ray.util.get_node_ip_address()  # as Ray itself replaces it
    try:
        # Ray itself waits for minutes.
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, str(error)) from error


def describe_on_ray(
    current: Describing,
    planner: Planner,
    tasks: Sequence[Task],
    undone: set[int],
    place: RayPlace,
) -> None:
    """Have the workers describe and store the images of the tasks, labelled ones first."""
    with _connected(place.address):
        machines = _machines()
        threads = _threads(current, machines)
        image, name = tasks[0].file.uri, secrets.token_hex(8)
        tasks = _settled(current, planner, tasks)
        labelled = [task for task in tasks if task.entry.category is not None]
        others = [task for task in tasks if task.entry.category is None]
        groups = [units_of(labelled), units_of(others)]
        units = Units(place.gallery, name)
        scan = Scan(
            name=name,
            gallery=place.gallery_address,
            generation=place.gallery.generation,
            settings=current.settings.tables(),
            version=__version__,
            identity=gallery_identity(place.gallery_address),
            image=image,
            newest=units.newest(),
            undone=frozenset(undone),
        )
        before, done = units.begin(to_text(unit) for group in groups for unit in group)
        if before:
            note = f"an earlier ingest was stopped when {done} of its {before} units were done"
            current.report.notes.append(note)
        wanted = place.workers or sum(cpus // threads for cpus in machines.values())
        work = _Work(units, scan, threads, max(1, min(wanted, len(groups[0]) + len(groups[1]))))
        try:
            numbers = count()
            for group in groups:
                work.carry_out({next(numbers): unit for unit in group}, current.advance)
        finally:
            work.stop()
            _collect(current, planner, units)
        current.report.notes.append(
            f"described by {work.started} workers with {threads} threads each, on "
            f"{len(work.nodes)} of {len(machines)} machines"
        )
        current.report.cores = work.workers * threads
        units.end()


@dataclass(frozen=True)
class RayPlace:
    """Where an ingest runs and where its workers find what they need."""

    address: str  # of the cluster; "": the one that RAY_ADDRESS names, or processes of this machine
    gallery_address: str
    gallery: PostgresGallery
    workers: int | None  # None: as many as the cluster has processors for


class _Actor:
    """A worker's process."""

    def start(self, scan: Scan, name: str, threads: int) -> str:
        """The machine that it is on. ConfigError where it has another Packsight, does not see the
        images or does not reach the gallery; errors as of ``UnitWorker.opened``."""
        from engine.galleries.postgres import PostgresGallery

        scan.require_here(f"{socket.gethostname()}, a machine of the Ray cluster,")
        gallery = PostgresGallery.open_beside(scan.gallery, scan.generation)
        try:
            self._worker = UnitWorker.opened(scan, name, gallery, threads)
        except BaseException:
            gallery.close()
            raise
        return str(_ray().get_runtime_context().get_node_id())

    def carry_out(self, number: int) -> bool:
        return self._worker.carry_out(number)


@dataclass
class _Work:
    """The workers, and what they are at."""

    units: Units
    scan: Scan
    threads: int
    workers: int
    started: int = 0
    failed: int = 0  # to start, since one did
    nodes: set[str] = field(default_factory=set)
    _starting: dict[Any, Any] = field(default_factory=dict)  # reference -> actor
    _running: dict[Any, tuple[Any, int]] = field(default_factory=dict)  # reference -> actor, unit
    _idle: list[Any] = field(default_factory=list)
    _beats: dict[int, tuple[int, float]] = field(default_factory=dict)  # unit -> beats, since when

    def carry_out(self, units: Mapping[int, list[Task]], advance: Callable[[int], None]) -> None:
        """Until each of these is done or has failed too often. One of several images that fails is
        parted, to spare the others."""
        tasks = dict(units)
        waiting = deque(tasks)
        began = time.monotonic()
        while waiting or self._running:
            while len(self._starting) + len(self._idle) + len(self._running) < self.workers:
                self._start()
            while waiting and self._idle:
                self._hand_out(self._idle.pop(), waiting.popleft())
            for number, error in [*self._ended(), *self._silent()]:
                several = len(tasks[number]) > 1
                state = "done"
                if error:  # a worker may have ended after it had stored the unit
                    state = self.units.release(number, error, TRIES - 1 if several else TRIES)
                if state == "waiting":
                    waiting.append(number)
                elif state == "failed" and several:
                    parts = [[task] for task in tasks.pop(number)]
                    numbers = self.units.split(number, list(map(to_text, parts)))
                    tasks |= zip(numbers, parts, strict=True)
                    waiting.extend(numbers)
                else:
                    advance(len(tasks[number]))
            if not self.started and time.monotonic() - began > START_SECONDS:
                raise ConfigError(
                    f"Ray has no machine with {self.threads} free processors.",
                    remedy="See `ray status`; --set runtime.threads=1 needs one at a time.",
                )

    def stop(self) -> None:
        """Workers end; what is not stored by now will not be."""
        for actor in [
            *self._starting.values(), *self._idle, *(actor for actor, _ in self._running.values())
        ]:  # fmt: skip
            _ray().kill(actor)
        for _, number in self._running.values():
            self.units.release(number, "stopped")
        self._starting, self._running, self._idle = {}, {}, []

    def _start(self) -> None:
        kind = _ray().remote(_Actor)
        actor = kind.options(num_cpus=self.threads, scheduling_strategy="SPREAD").remote()
        name = secrets.token_hex(8)
        self._starting[actor.start.remote(self.scan, name, self.threads)] = actor

    def _hand_out(self, actor: Any, number: int) -> None:
        self._running[actor.carry_out.remote(number)] = actor, number
        self._beats[number] = -1, time.monotonic()

    def _ended(self) -> Iterator[tuple[int, str]]:
        """Units that a worker has ended with, and why they are not done; "" where they are."""
        refs = [*self._starting, *self._running]
        ended, _ = _ray().wait(refs, num_returns=1, timeout=1.0)
        for ref in ended:
            if ref in self._starting:
                self._add(self._starting.pop(ref), ref)
                continue
            actor, number = self._running.pop(ref)
            yield number, self._outcome(ref, actor)

    def _add(self, actor: Any, ref: Any) -> None:
        exceptions = _ray().exceptions
        try:
            self.nodes.add(_ray().get(ref))
        except exceptions.RayTaskError as error:
            raise _cause(error) from error
        except exceptions.RayError as error:
            if "failed to import" in str(error):
                raise ConfigError(
                    "A machine of the Ray cluster has no Packsight, or an older one.",
                    remedy=install(__version__),
                ) from error
            self.failed += 1  # its process or its machine has ended; another one is started
            if self.failed > TRIES * self.workers:
                reason = f"Ray's workers end as they start ({_first_line(error)})."
                raise ConfigError(
                    reason, remedy="See Ray's logs, by default in /tmp/ray."
                ) from error
            return
        self.started, self.failed = self.started + 1, 0
        self._idle.append(actor)

    def _outcome(self, ref: Any, actor: Any) -> str:
        ray = _ray()
        try:
            done = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = _cause(error)
            if isinstance(cause, ConfigError | WeightsError | FingerprintError):
                raise cause from error  # so would every other unit end
            ray.kill(actor)  # its connection may be what failed; another worker is started
            return str(cause)
        except ray.exceptions.RayError as error:
            return f"the worker's process ended ({_first_line(error)})"
        self._idle.append(actor)
        return "" if done else "another worker has it"

    def _silent(self) -> Iterator[tuple[int, str]]:
        """Units of workers that have shown no sign for long, which are ended."""
        now = time.monotonic()
        if all(now - since < SILENT_SECONDS / 4 for _, since in self._since().values()):
            return
        beats = self.units.beats()
        for ref, (actor, number) in list(self._running.items()):
            seen, since = self._beats[number]
            if beats.get(number, seen) != seen:
                self._beats[number] = beats[number], now
            elif now - since > SILENT_SECONDS:
                del self._running[ref]
                _ray().kill(actor)
                yield number, f"no sign of its worker for {SILENT_SECONDS:.0f} s"

    def _since(self) -> Mapping[int, tuple[int, float]]:
        return {number: self._beats[number] for _, number in self._running.values()}


def _collect(current: Describing, planner: Planner, units: Units) -> None:
    """Make the report of what all workers have stored."""
    overtaken: list[str] = []
    for text in units.outcomes():
        outcome = Outcome.from_text(text)
        outcome.add_to(current.report)
        current.skipped += outcome.skipped
        planner.plan.stale += outcome.stale
        overtaken += outcome.overtaken
        for name, seconds in outcome.seconds.items():
            current.watch.seconds[name] = current.watch.seconds.get(name, 0.0) + seconds
    for text, error in units.failed():
        reason = f"was not described: its unit failed {TRIES} times ({error})"
        current.report.refused += [Refusal(task.file.uri, reason) for task in from_text(text)]
    # Each is in the gallery, by who changed it.
    current.report.unchanged += len(overtaken)
    if overtaken:
        current.report.notes.append(
            f"{len(overtaken)} images were changed or deleted by others meanwhile and left as they "
            f"are, such as {overtaken[0]}"
        )


def _settled(current: Describing, planner: Planner, tasks: Sequence[Task]) -> list[Task]:
    """Less copies among files of which very many have one size: these are read here."""
    sizes = sizes_of_many(tasks)
    alike = [task for task in tasks if task.file.size in sizes and not task.entry.sha256]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        digests = dict(threads.map(_digest, alike))
    kept = []
    for task in tasks:
        digest = digests.get(task.file.uri)
        if not digest:  # one that cannot be read becomes a line of the report where it is described
            kept.append(task)
            continue
        entry = current.curated.applied(task.entry, digest)
        if planner.is_excluded(entry, task.known):
            current.advance()
        elif duplicate := planner.is_duplicate(entry, task.known):
            current.report.duplicates.append(duplicate)
            current.advance()
        else:
            kept.append(Task(task.file, entry, task.known))
    return kept


def _digest(task: Task) -> tuple[str, str]:
    """Of the file at this address; none where it cannot be read."""
    try:
        return task.file.uri, file_sha256(task.file.path)
    except OSError:
        return task.file.uri, ""


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--ray needs Ray, which is not installed.",
            remedy="Install it: pip install 'packsight[ray]'",
        ) from error
    return ray


def _no_cluster(address: str, reason: str) -> ConfigError:
    return ConfigError(
        f"--ray {address}: no Ray cluster answers there ({reason}).",
        remedy="Start one with `ray start --head`, or leave the address out to use the processors "
        "of this machine.",
    )


@contextlib.contextmanager
def _connected(address: str) -> Iterator[None]:
    """To the cluster, or to processes of this machine that end with this one."""
    ray = _ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # its makers are sent nothing
    if ray.is_initialized():  # by a program that calls ``ingest``
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS", "")
    # Nothing is kept in Ray's own store.
    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 80 * 2**20}
    if sys.platform == "linux":
        # No other machine should reach what runs here; 127.0.0.1 is replaced by Ray.
        own["_node_ip_address"] = "127.0.0.2"
    try:
        ray.init(
            log_to_driver=False,
            logging_level="ERROR",
            **({"address": address} if address else {"address": "local", **own}),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, " ".join(str(error).split())[:200]) from error
    try:
        yield
    finally:
        ray.shutdown()


def _machines() -> dict[str, int]:
    """Processors of every machine that has some, by its id."""
    cpus = {
        str(node["NodeID"]): int(node["Resources"].get("CPU", 0))
        for node in _ray().nodes()
        if node["Alive"]
    }
    found = {name: count for name, count in cpus.items() if count}
    if not found:
        raise ConfigError("Ray has no machine with a processor.", remedy="See `ray status`.")
    return found


def _threads(current: Describing, machines: Mapping[str, int]) -> int:
    """Of a worker."""
    return current.settings.runtime.threads or min(_MOST_THREADS, *machines.values())


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _cause(error: Any) -> BaseException:
    """What the worker raised."""
    cause = error.cause if isinstance(error.cause, BaseException) else error
    return cause if isinstance(cause, PacksightError) else RuntimeError(str(cause))
