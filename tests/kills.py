"""A gallery in PostgreSQL is searched, written to and migrated while its processes are killed.

Eight clients query one service without pause. Meanwhile folders are ingested, by a pool and by Ray,
products are written and decisions made over HTTP, and the gallery is migrated and rolled back; and
``kill -9`` hits the service, the database, an ingest, a worker of Ray and a migration at random
moments. What was killed is started again, as its user would.

Every change of the table of images is logged in the database by a trigger, in the transaction that
makes it. From that log every state that was ever committed is known, with its time; an answer must
be the one that a searcher in memory gives of one of the states between request and answer.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
from PIL import Image

from engine.adaptation import Adaptation
from engine.curation import Curation
from engine.files import file_sha256
from engine.galleries import generations, open_gallery
from engine.galleries.memory import MemoryGallery
from engine.images import ImageLimits, load
from engine.request import Request
from engine.search import Searcher
from engine.types import Description, Record, UInt8Array
from stages.assemble import Parts, assemble
from stages.open_settings import settings_for
from tests.drawn_catalogue import CATEGORIES, QUICK, package
from tests.postgres_server import PostgresServer, free_port, postgres_server
from tests.ray_cluster import ray_cluster
from tests.watched_processes import children, wait

ROOT = Path(__file__).parents[1]
SCHEMA = "kills"
KINDS = ("service", "database", "ingest", "worker", "migration")
CLIENTS = 8
K = 5
CHECKED = 10  # kills between two checks of the whole gallery
LONGEST_PAUSE = 3.0  # seconds between two kills amid a command
PATIENCE = 120.0  # seconds until something that was killed must be there again
LATE = 0.5  # seconds from the time that a commit has to when all see it, on a busy machine
# Two ways of describing: migrations go from one to the other.
CELLS = (8, 16)

# Errors of the service's log that are meant: the database was killed.
AWAY = re.compile(
    "(GalleryError|DisconnectedError|cannot be (opened|searched)): "
    ".*the server (does not answer|has ended)"
)

_LOG = """
CREATE SCHEMA killed;
CREATE TABLE killed.log (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL, schema text NOT NULL, what text NOT NULL, operation text NOT NULL,
    id text NOT NULL, row jsonb NOT NULL, transaction xid NOT NULL
);
CREATE FUNCTION killed.note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE changed jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
BEGIN
    INSERT INTO killed.log (relation, schema, what, operation, id, row, transaction) VALUES (
        TG_RELID, TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP,
        coalesce(changed ->> 'id', changed ->> 'scan' || ' ' || (changed ->> 'number')),
        changed - 'tasks' - 'outcome', pg_current_xact_id()::xid
    );
    RETURN NULL;
END $$;
CREATE FUNCTION killed.watch() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table'
        AND object_identity ~ '[.](images|units)$'
    LOOP
        EXECUTE format('CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON %s '
            'FOR EACH ROW EXECUTE FUNCTION killed.note()', made.object_identity);
    END LOOP;
END $$;
CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
    EXECUTE FUNCTION killed.watch();
"""

# Product, id, sha256, distance, IoU; best first.
Hits = tuple[tuple[str, int, str, float, float | None], ...]


@dataclass(frozen=True)
class Kill:
    kind: str
    time: float
    amid: str  # what was going on


class Changed(NamedTuple):
    """A row of a table, as the log has it."""

    relation: int  # the table; one that is made anew is another one
    schema: str
    table: str
    operation: str
    id: str
    row: Mapping[str, Any]  # after it, or before it was deleted
    transaction: str
    time: float  # of its commit


@dataclass(frozen=True)
class Asked:
    """An answer to a query; ``photo``: its number."""

    start: float
    end: float
    generation: str
    photo: int
    hits: Hits


@dataclass
class Outcome:
    """Of a run; sound where ``faults`` is empty."""

    seed: int
    seconds: float = 0.0
    kills: list[Kill] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)  # of queries
    writes: Counter[str] = field(default_factory=Counter)  # statuses of all others
    acknowledged: Counter[str] = field(default_factory=Counter)
    gaps: dict[str, float] = field(default_factory=dict)  # longest without an answer, seconds
    states: int = 0  # that were committed
    compared: int = 0  # answers
    units: int = 0  # of Ray, that took effect
    checks: int = 0
    generations: int = 0  # that answered
    memory: int = 0  # the most that all processes held together, bytes
    faults: list[str] = field(default_factory=list)

    def document(self) -> dict[str, object]:
        by_kind = Counter(kill.kind for kill in self.kills)
        return {
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "kills": dict(by_kind) | {"all": len(self.kills)},
            "commands": dict(self.commands),
            "queries": dict(self.statuses),
            "other requests": dict(self.writes),
            "acknowledged": dict(self.acknowledged),
            "longest without an answer, s": {
                name: round(value, 2) for name, value in sorted(self.gaps.items())
            },
            "committed states": self.states,
            "answers compared": self.compared,
            "units of Ray": self.units,
            "generations that answered": self.generations,
            "checks": self.checks,
            "most memory, MB": round(self.memory / 1e6),
            "faults": self.faults,
        }


def kill_at_random(
    work: Path,
    *,
    kills: int,
    seed: int,
    images: int = 120,
    amid: tuple[int, int] = (2, 6),
    note: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """At least so many, between so many ``amid`` a command, over a new gallery of about so many
    ``images`` with its own server, service and Ray cluster of two nodes; ``note`` is called with
    what happens."""
    with postgres_server(track_commit_timestamp="on") as server, ExitStack() as stack:
        server.execute(_LOG)
        run = _Run(work, server, random.Random(seed), Outcome(seed), images, amid, note)
        run.ray = stack.enter_context(ray_cluster())
        start = time.monotonic()
        run.fill()
        with run.served(), run.queried(), run.written():
            run.disturb(kills)
            run.settle()
        run.outcome.seconds = time.monotonic() - start
        run.judge()
    return run.outcome


@dataclass
class _Run:
    work: Path
    server: PostgresServer
    chance: random.Random
    outcome: Outcome
    images: int
    amid: tuple[int, int]
    note: Callable[[str], None]
    ray: str = ""

    def __post_init__(self) -> None:
        self.address = self.server.address(schema=SCHEMA)
        self.catalogue = _Catalogue(self.work / "catalogue", self.chance)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PACKSIGHT_UPLOADS_DIR": str(self.work / "uploads"),
        }
        self.parts: dict[str, Parts] = {}  # by fingerprint
        self.adaptations: dict[str, Adaptation | None] = {}  # by the generation of answers
        self.ingested: dict[str, str] = {}  # sha256 by uri, as the last ingest acknowledged it
        self.over = threading.Event()
        self.guard = threading.Lock()
        self.service = _Service(self)
        self.answers: list[list[Asked]] = [[] for _ in range(CLIENTS)]
        self.same: dict[Hits, Hits] = {}
        self.photos = [
            png(package(CATEGORIES[number % 3], 1000 + number, 3)) for number in range(CLIENTS)
        ]
        self.writer = _HttpWriter(self)

    def fault(self, text: str) -> None:
        with self.guard:
            self.outcome.faults.append(text[:600])
        self.note(f"FAULT {text[:300]}")

    # The gallery

    def fill(self) -> None:
        self.catalogue.grow(self.images)
        self.ingest(prune=False, ray=False, kills=0)
        self.writer.adopt(self.catalogue.stable)

    def disturb(self, kills: int) -> None:
        done = 0
        checked = 0
        operations = [self._ingest, self._ingest_on_ray, self._migrate, self._roll_back]
        weights = [3, 3, 2, 1]
        # Each once, then as often as it weighs.
        order = [self._roll_back, self._ingest, self._migrate, self._ingest_on_ray]
        while len(self.outcome.kills) < kills:
            if not order:
                order = [one for one, n in zip(operations, weights, strict=True) for _ in range(n)]
                self.chance.shuffle(order)
            order.pop()()
            done += 1
            if len(self.outcome.kills) - checked >= CHECKED:
                checked = len(self.outcome.kills)
                self.check()
        self.note(f"{done} operations")

    def _ingest(self) -> None:
        prune = self.catalogue.change(self.images // 4)
        self.ingest(prune=prune, ray=False, kills=self.chance.randint(*self.amid))

    def _ingest_on_ray(self) -> None:
        prune = self.catalogue.change(self.images)
        self.ingest(prune=prune, ray=True, kills=self.chance.randint(*self.amid))

    def ingest(self, *, prune: bool, ray: bool, kills: int) -> None:
        words = [
            "ingest",
            self.catalogue.folder,
            "--gallery",
            self.address,
            "--no-adapt",
            "--quiet",
        ]
        words += ["--prune"] if prune else []
        words += [f"--ray={self.ray}"] if ray else ["--workers", 1]
        if not self.parts:  # a gallery that is there keeps its settings
            for setting in (*QUICK, "runtime.threads=1", "ingest.batch=8"):
                words += ["--set", setting]
        kinds = ["ingest", "service", "database", *(["worker"] if ray else [])]
        self.carry_out("ingest on Ray" if ray else "ingest", words, kinds, kills)
        pruned = dict(self.ingested) if not prune else {}
        self.ingested = {**pruned, **self.catalogue.contents()}
        self.compare_images("after an ingest")

    def _migrate(self) -> None:
        with open_gallery(self.address) as gallery:
            cell = gallery.manifest.read_settings().embed.options["cell"]
        (other,) = set(CELLS) - {cell}
        words = ["gallery", "migrate", self.address, "--set", f"embed.cell={other}"]
        self.carry_out("migrate", [*words, "--workers", 1, "--force", "--quiet"],
                       ["migration", "service", "database"],
                       self.chance.randint(*self.amid))  # fmt: skip
        self.compare_images("after a migration")

    def _roll_back(self) -> None:
        if generations(self.address).before is None:
            return
        words = ["gallery", "rollback", self.address, "--workers", 1, "--quiet"]
        self.carry_out("rollback", words, ["migration", "service", "database"],
                       self.chance.randint(*self.amid))  # fmt: skip
        self.compare_images("after a rollback")

    def carry_out(
        self, name: str, words: Sequence[object], kinds: Sequence[str], kills: int
    ) -> None:
        """Until the command has ended well, and so many kills happened or it was done before."""
        plan = (self.chance.sample(kinds, len(kinds)) * kills)[:kills]
        self.note(f"{name}: {plan}")
        until, failed = time.monotonic() + 5 * PATIENCE, 0
        with (self.work / "commands.log").open("a+") as log:
            process = self._started(words, log)
            due = time.monotonic() + self.chance.uniform(0.0, LONGEST_PAUSE)
            while True:
                time.sleep(0.02)
                if process.poll() is not None:
                    if process.returncode == 0:
                        break
                    self._keep_generations()
                    log.seek(self._mark)
                    said = log.read()
                    log.seek(0, io.SEEK_END)
                    if process.returncode > 0:
                        self._judge_output(name, said)
                    failed += 1
                    if time.monotonic() > until or failed > 20:
                        self.fault(f"{name}: did not end well in time: {said[-500:]}")
                        break
                    time.sleep(0.3)
                    process = self._started(words, log)
                elif plan and time.monotonic() > due:
                    due = time.monotonic() + 0.2
                    if self._kill(plan[0], name, process):
                        del plan[0]
                        due += self.chance.uniform(0.0, LONGEST_PAUSE)
        self._keep_generations()
        self.outcome.commands[name] += 1

    def _started(self, words: Sequence[object], log: Any) -> subprocess.Popen[bytes]:
        self._mark = log.seek(0, io.SEEK_END)
        return subprocess.Popen(
            [sys.executable, "-m", "packsight", *map(str, words)],
            cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _judge_output(self, name: str, said: str) -> None:
        self.outcome.commands[f"{name}, ended with an error"] += 1
        if "Traceback" in said:
            self.fault(f"{name}: a traceback: {said[-500:]}")
        else:
            self.note(f"{name}: {said.strip()[-250:]}")

    def _keep_generations(self) -> None:
        """What answers of them depend on, before they are deleted."""
        for name in generations(self.address).names:
            with open_gallery(self.address, generation=name) as gallery, gallery.snapshot():
                models, version = f"{name}-{gallery.fingerprint[:12]}", gallery.adapted_by() or 0
                self.adaptations[f"{models}.{version}"] = gallery.adaptation()
                if gallery.fingerprint not in self.parts:
                    self.parts[gallery.fingerprint] = assemble(settings_for(gallery.manifest))

    def _kill(self, kind: str, amid: str, process: subprocess.Popen[bytes]) -> bool:
        """False where there is none of this kind now."""
        now = time.time()
        if kind in ("ingest", "migration"):
            process.kill()
            process.wait()
        elif kind == "worker":
            found = self._workers()
            if not found:
                return False
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(found), signal.SIGKILL)
        elif kind == "service":
            self.service.kill()
        else:
            self.server.kill()
            time.sleep(self.chance.uniform(0.0, 1.5))
            self.server.start()
        self.outcome.kills.append(Kill(kind, now, amid))
        self.outcome.memory = max(self.outcome.memory, _memory())
        self.note(f"{len(self.outcome.kills)}: {kind} amid {amid}")
        return True

    def _workers(self) -> list[int]:
        """Processes of Ray that carry out something, of our cluster."""
        return [one for one in _descendants(os.getpid()) if _title(one).startswith("ray::_Actor")]

    def check(self) -> None:
        """`packsight gallery check`; while others write."""
        with (self.work / "commands.log").open("a+") as log:
            for _ in range(5):
                process = self._started(["gallery", "check", self.address], log)
                if process.wait(PATIENCE) == 0:
                    self.outcome.checks += 1
                    return
                log.seek(self._mark)
                said = log.read()
                time.sleep(1)
        self.fault(f"gallery check: {said[-500:]}")

    def compare_images(self, when: str) -> None:
        """What an ingest acknowledged is in the generation in use, and no other file's image."""
        with open_gallery(self.address) as gallery, gallery.snapshot():
            there = {one.uri: one.sha256 for one in (*gallery.sources(), *gallery.withdrawn())}
        root = f"{self.catalogue.folder}/"
        there = {uri: sha256 for uri, sha256 in there.items() if uri.startswith(root)}
        if there != self.ingested:
            lost = {uri for uri, sha256 in self.ingested.items() if there.get(uri) != sha256}
            more = there.keys() - self.ingested.keys()
            self.fault(f"{when}: {len(lost)} images lost, such as {sorted(lost)[:3]}; "
                       f"{len(more)} too many, such as {sorted(more)[:3]}")  # fmt: skip

    # The service and those who use it

    @contextmanager
    def served(self) -> Iterator[None]:
        keeper = threading.Thread(target=self.service.keep)
        keeper.start()
        try:
            assert wait(self.service.answers, PATIENCE), "the service did not start"
            yield
        finally:
            self.over.set()
            keeper.join()

    @contextmanager
    def queried(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._query, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    @contextmanager
    def written(self) -> Iterator[None]:
        thread = threading.Thread(target=self.writer.write)
        thread.start()
        try:
            yield
        finally:
            self.writer.over.set()
            thread.join()

    def _query(self, number: int) -> None:
        request = {"request": json.dumps({"k": K, "categories": list(CATEGORIES)})}
        chance = random.Random(number)
        with httpx.Client(base_url=self.service.url, timeout=60, trust_env=False) as client:
            while not self.over.is_set():
                photo = chance.randrange(len(self.photos))
                start = time.time()
                try:
                    answer = client.post(
                        "/v1/query", files={"photo": ("photo", self.photos[photo])}, data=request
                    )
                except httpx.TransportError as error:
                    self._not_reached(start, error)
                    time.sleep(0.2)
                    continue
                end = time.time()
                with self.guard:
                    self.outcome.statuses[str(answer.status_code)] += 1
                if answer.status_code == 200:
                    self._keep(number, start, end, photo, answer.json())
                else:
                    self.judge_refusal("a query", answer)
                    time.sleep(0.05)

    def _not_reached(self, start: float, error: Exception) -> None:
        with self.guard:
            self.outcome.statuses["not reached"] += 1
        if not self.service.was_down(start, time.time()):
            self.fault(f"a query was not answered by a service that ran: {error!r}")

    def _keep(self, number: int, start: float, end: float, photo: int, found: Any) -> None:
        hits = tuple(
            (one["product"], one["id"], one["sha256"], one["distance"], one["iou"])
            for one in found["hits"]
        )
        hits = self.same.setdefault(hits, hits)
        self.answers[number].append(Asked(start, end, found["generation"], photo, hits))

    def judge_refusal(self, what: str, answer: httpx.Response) -> None:
        """A clean 503 and nothing else."""
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        if answer.status_code != 503 or "retry-after" not in answer.headers or not problem:
            self.fault(f"{what}: {answer.status_code}, {answer.text[:300]}")

    def settle(self) -> None:
        """Wait for all that was acknowledged over HTTP to be carried out, then compare."""
        self.writer.over.set()
        self.writer.stopped.wait(PATIENCE)
        with httpx.Client(base_url=self.service.url, timeout=60, trust_env=False) as client:

            def waits() -> bool:
                try:
                    counts = client.get("/v1/jobs").json()["counts"]
                except (httpx.TransportError, KeyError, ValueError):
                    return True
                return bool(counts.get("queued") or counts.get("running"))

            if not wait(lambda: not waits(), PATIENCE):
                self.fault("jobs that were acknowledged are not carried out")
        with Curation.open(self.address) as curation:
            latest = curation.latest()
            kept = {one.id for one in curation.log()}

        def is_curated() -> bool:
            with open_gallery(self.address) as gallery:
                return gallery.curated_to() == latest

        if not wait(is_curated, PATIENCE):
            self.fault("decisions that were acknowledged are not carried out")
        if lost := set(self.writer.decisions) - kept:
            self.fault(f"{len(lost)} decisions lost")
        self.compare_images("at the end")
        self.writer.compare()
        self.check()
        self.outcome.acknowledged.update(
            products=self.writer.put, deletions=self.writer.deleted,
            decisions=len(self.writer.decisions), images=len(self.ingested),
        )  # fmt: skip

    # What was answered

    def judge(self) -> None:
        self._judge_log()
        with closing(psycopg.connect(self.server.address(), autocommit=True)) as connection:
            found = connection.execute(
                "SELECT relation, schema, what, operation, id, row, transaction::text, "
                "extract(epoch FROM pg_xact_commit_timestamp(transaction))::float8 AS time "
                "FROM killed.log ORDER BY time, place"
            ).fetchall()
        rows = [Changed(*row) for row in found]
        self._judge_units(rows)
        histories = histories_of(rows)
        self.outcome.states = sum(len(one.states) for one in histories)
        expected = Expected(self.parts, self.adaptations, self.catalogue.kept, self.photos)
        asked = sorted((one for them in self.answers for one in them), key=lambda one: one.start)
        self.outcome.generations = len({one.generation for one in asked})
        for one in asked:
            self.outcome.compared += 1
            if (problem := expected.fault(one, histories)) is not None:
                self.fault(problem)
                if len(self.outcome.faults) > 20:
                    break
        self._measure_gaps(asked)

    def _judge_log(self) -> None:
        """The service's: of errors, those that say that the database is away, and no others."""
        with (self.work / "service.log").open(errors="replace") as lines:
            for line in lines:
                written = json.loads(line) if line.startswith("{") else {}
                away = AWAY.search(str(written.get("message", "")))
                if not away and ("Traceback" in line or written.get("level") == "error"):
                    self.fault(f"the service's log: {line.strip()[-800:]}")

    def _judge_units(self, rows: Sequence[Changed]) -> None:
        """A unit is marked done by one transaction, and no image is stored twice as it was."""
        done: dict[str, set[str]] = {}
        gone: dict[tuple[int, str], tuple[str, object]] = {}
        for one in rows:
            if one.table == "units":
                if one.operation == "UPDATE" and one.row["state"] == "done":
                    done.setdefault(one.id, set()).add(one.transaction)
            elif one.operation == "DELETE":
                gone[one.relation, one.id] = one.transaction, one.row
            elif gone.get((one.relation, one.id)) == (one.transaction, one.row):
                self.fault(f"stored again as it was: image {one.id}, {one.row['uri']}")
        self.outcome.units = len(done)
        for identity, transactions in done.items():
            if len(transactions) > 1:
                self.fault(f"unit {identity} took effect {len(transactions)} times")

    def _measure_gaps(self, asked: Sequence[Asked]) -> None:
        """Each is that of the first kill within it, or of the last one before."""
        times = sorted(one.end for one in asked)
        kills = [Kill("none", 0.0, ""), *self.outcome.kills]
        for before, after in pairwise(times):
            within = [kill for kill in kills if before - 0.1 < kill.time < after]
            earlier = [kill for kill in kills if kill.time < after]
            kind = within[0].kind if within else earlier[-1].kind
            self.outcome.gaps[kind] = max(self.outcome.gaps.get(kind, 0.0), after - before)


@dataclass(frozen=True)
class History:
    """Of one table of images: its states from every commit on, the image's content, product and
    category by id."""

    schema: str
    times: list[float] = field(default_factory=list)
    states: list[Mapping[int, tuple[str, str, str]]] = field(default_factory=list)


def histories_of(rows: Sequence[Changed]) -> list[History]:
    """``rows`` in the order of their commits."""
    found: dict[int, History] = {}
    for _, transaction in groupby(rows, key=lambda one: one.transaction):
        changed: dict[int, dict[int, tuple[str, str, str]]] = {}
        for one in transaction:
            if one.table != "images":
                continue
            history = found.setdefault(one.relation, History(one.schema, [0.0], [{}]))
            state = changed.setdefault(one.relation, dict(history.states[-1]))
            if one.operation == "DELETE":
                state.pop(int(one.id), None)
            else:
                row = one.row
                state[int(one.id)] = row["sha256"], row["product_id"], row["category"]
            committed = one.time
        for relation, state in changed.items():
            if state != found[relation].states[-1]:
                found[relation].times.append(committed)
                found[relation].states.append(state)
    return list(found.values())


@dataclass
class Expected:
    """What a searcher in memory answers, of any committed state."""

    parts: Mapping[str, Parts]  # by fingerprint
    adaptations: Mapping[str, Adaptation | None]  # by the generation of answers
    contents: Mapping[str, bytes]  # of all images that there ever were, by sha256
    photos: Sequence[bytes]
    _described: dict[tuple[str, str], Description] = field(default_factory=dict)
    _answers: dict[tuple[int, int, str, int], Hits] = field(default_factory=dict)
    _searcher: tuple[tuple[int, int, str], Searcher] | None = None

    def fault(self, asked: Asked, histories: Sequence[History]) -> str | None:
        """None where the answer is that of a state between request and answer."""
        generation = asked.generation
        if generation not in self.adaptations:
            return f"an answer of an unknown generation: {generation}"
        own = [one for one in histories if one.schema == f"{SCHEMA}_{generation.partition('-')[0]}"]
        for history in own:
            first = max(bisect_right(history.times, asked.start - LATE) - 1, 0)
            last = bisect_right(history.times, asked.end)
            for at in range(first, last):
                if _alike(self.answer(history, at, generation, asked.photo), asked.hits):
                    return None
        for history in own:
            for at, since in enumerate(history.times):
                if _alike(self.answer(history, at, generation, asked.photo), asked.hits):
                    off = asked.start - since
                    return f"an answer of another moment: its state began {off:.2f} s before"
        expected = self.answer(own[-1], len(own[-1].times) - 1, generation, asked.photo)
        return f"a mixed answer of generation {generation}: {asked.hits}, such as {expected}"

    def answer(self, history: History, at: int, generation: str, photo: int) -> Hits:
        key = id(history), at, generation, photo
        if key not in self._answers:
            self._answers[key] = self._searched(history, at, generation, photo)
        return self._answers[key]

    def _searched(self, history: History, at: int, generation: str, photo: int) -> Hits:
        state, key = history.states[at], (id(history), at, generation)
        if not state:
            return ()
        models = generation.partition("-")[2].partition(".")[0]
        (fingerprint,) = (one for one in self.parts if one.startswith(models))
        if self._searcher is None or self._searcher[0] != key:
            gallery = MemoryGallery(self._records(state, fingerprint), fingerprint)
            gallery.adapt(self.adaptations[generation])
            self._searcher = key, _searcher(self.parts[fingerprint], gallery)
        held = {category for _, _, category in state.values()}
        request = Request(K, categories=[one for one in CATEGORIES if one in held])
        query = self._description(self.photos[photo], fingerprint)
        return tuple(
            (hit.record.product_id, hit.record.id, hit.record.sha256, hit.distance, hit.iou)
            for hit in self._searcher[1].results(query, request).hits
        )

    def _records(self, state: Mapping[int, tuple[str, str, str]], fingerprint: str) -> list[Record]:
        return [
            Record(identity, sha256, product, category, True, "", {},
                   self._description(self.contents[sha256], fingerprint))
            for identity, (sha256, product, category) in sorted(state.items())
        ]  # fmt: skip

    def _description(self, content: bytes, fingerprint: str) -> Description:
        key = fingerprint, sha256_of(content)
        if key not in self._described:
            parts = self.parts[fingerprint]
            image = load(content, limits=ImageLimits.of(parts.settings.images))
            (found,) = parts.describer.describe([image])
            self._described[key] = found.description
        return self._described[key]


def _searcher(parts: Parts, gallery: MemoryGallery) -> Searcher:
    settings = parts.settings
    return Searcher(
        parts.describer, gallery, parts.reranker, settings.route,
        parts.describer.embedder.normalised, settings.search.metric, settings.query,
    )  # fmt: skip


def _alike(expected: Hits, found: Hits) -> bool:
    return len(expected) == len(found) and all(
        one[:3] == other[:3]
        and abs(one[3] - other[3]) < 2e-5
        and (one[4] is None) == (other[4] is None)
        and abs((one[4] or 0.0) - (other[4] or 0.0)) < 2e-4
        for one, other in zip(expected, found, strict=True)
    )


class _Catalogue:
    """A folder of drawn images, each another one; products p0 to p11 stay as they are."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.kept: dict[str, bytes] = {}  # every content that there ever was, by its sha256
        self.stable: list[Path] = []
        self._files: list[Path] = []
        self._chance = chance
        self._drawn = 0

    def contents(self) -> dict[str, str]:
        """sha256 by uri."""
        return {str(path): file_sha256(path) for path in (*self.stable, *self._files)}

    def grow(self, count: int) -> None:
        for _ in range(count):
            category = CATEGORIES[self._drawn % len(CATEGORIES)]
            path = self.folder / category / f"p{self._drawn}" / "v0.png"
            self._draw(path)
            (self.stable if len(self.stable) < 12 else self._files).append(path)

    def change(self, count: int) -> bool:
        """Add, change or delete about so many; whether some were deleted."""
        count = self._chance.randint(count // 2, count)
        kinds = ["grow", "change", "prune"] if len(self._files) > 3 * count // 2 else ["grow"]
        kind = self._chance.choice(kinds)
        if kind == "grow":
            self.grow(count)
        elif kind == "change":
            for path in self._chance.sample(self._files, count):
                self._draw(path)
        else:
            # More than half of the images would be refused.
            for path in self._chance.sample(self._files, min(count, len(self._files) // 3)):
                path.unlink()
                self._files.remove(path)
        return kind == "prune"

    def drawn(self, category: str) -> bytes:
        """An image that there was not yet."""
        content = png(package(category, self._drawn))
        self._drawn += 1
        self.kept[sha256_of(content)] = content
        return content

    def _draw(self, path: Path) -> None:
        content = self.drawn(path.parts[-3])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class _Service:
    """`packsight serve` on one port; it is started again when it has ended."""

    def __init__(self, run: _Run) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None
        self._down: list[list[float]] = [[0.0, float("inf")]]  # from, to

    def keep(self) -> None:
        words = ["serve", "--gallery", self._run.address, "--port", str(self.port), "--rate", "0"]
        with (self._run.work / "service.log").open("ab") as log:
            while not self._run.over.is_set():
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "packsight", *words],
                    cwd=ROOT, env=self._run.environment, stdout=log, stderr=log,
                )  # fmt: skip
                while self._process.poll() is None and not self._run.over.is_set():
                    if self._down[-1][1] == float("inf") and self.answers():
                        self._down[-1][1] = time.time()
                    time.sleep(0.02)
                if self._down[-1][1] != float("inf") and not self._run.over.is_set():
                    self._down.append([time.time() - 0.1, float("inf")])
                    self._run.fault(f"the service ended by itself: {self._process.returncode}")
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(60)
                except subprocess.TimeoutExpired:
                    self._run.fault("the service did not end when it was stopped")
                    self._process.kill()

    def kill(self) -> None:
        assert self._process is not None
        if self._down[-1][1] != float("inf"):
            self._down.append([time.time(), float("inf")])
        with suppress(ProcessLookupError):
            self._process.kill()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/v1/health", timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def was_down(self, start: float, end: float) -> bool:
        return any(begin <= end and start <= until for begin, until in self._down)


class _HttpWriter:
    """Writes products and decides about images, one request after the other, each sent until it is
    acknowledged."""

    def __init__(self, run: _Run) -> None:
        self.over, self.stopped = threading.Event(), threading.Event()
        self.decisions: list[str] = []  # ids
        self.put = self.deleted = 0
        self._run = run
        self._chance = random.Random(run.outcome.seed)
        self._products: dict[str, set[str]] = {}  # sha256 of their images
        self._stable: list[tuple[int, str]] = []  # images: id and sha256
        self._excluded: set[str] = set()
        self._categories: dict[str, str] = {}

    def adopt(self, paths: Sequence[Path]) -> None:
        """Images of the catalogue that are decided about."""
        with open_gallery(self._run.address) as gallery:
            found = [one for path in paths for one in gallery.find(uri=str(path))]
        self._stable = [(one.id, one.sha256) for one in found]

    def write(self) -> None:
        try:
            with httpx.Client(
                base_url=self._run.service.url, timeout=60, trust_env=False
            ) as client:
                while not self.over.wait(self._chance.uniform(0.5, 3.0)):
                    self._chance.choice([self._put, self._put, self._delete, self._decide])(client)
        finally:
            self.stopped.set()

    def compare(self) -> None:
        """What was acknowledged with what is there."""
        with open_gallery(self._run.address) as gallery, gallery.snapshot():
            withdrawn = {one.sha256 for one in gallery.withdrawn()}
            categories = {one.sha256: one.category for one in gallery.sources()}
            found: dict[str, set[str]] = {}
            for one in gallery.sources():
                if one.product_id.startswith("sent "):
                    found.setdefault(one.product_id, set()).add(one.sha256)
        if found != self._products:
            names = {
                name for name in found.keys() | self._products.keys()
                if found.get(name) != self._products.get(name)
            }  # fmt: skip
            self._run.fault(f"{len(names)} products are not as they were sent: {sorted(names)[:3]}")
        if withdrawn != self._excluded:
            self._run.fault(f"excluded {self._excluded}, but withdrawn are {withdrawn}")
        for sha256, category in self._categories.items():
            if sha256 not in withdrawn and categories.get(sha256) != category:
                self._run.fault(f"category {category} of {sha256}: {categories.get(sha256)}")

    def _put(self, client: httpx.Client) -> None:
        product = f"sent {self.put}"
        category = self._chance.choice(CATEGORIES)
        images = [self._run.catalogue.drawn(category) for _ in range(2)]
        files = [("image", ("x.png", image)) for image in images]
        data = {"request": json.dumps({"category": category})}
        answer = self._sent(
            lambda: client.put(
                f"/v1/products/{product}", files=files, data=data,
                headers={"idempotency-key": product},
            )
        )  # fmt: skip
        if answer is not None:
            self._products[product] = {sha256_of(image) for image in images}
            self.put += 1

    def _delete(self, client: httpx.Client) -> None:
        if not self._products:
            return
        product = self._chance.choice(sorted(self._products))
        if self._sent(lambda: client.delete(f"/v1/products/{product}")) is not None:
            del self._products[product]
            self.deleted += 1

    def _decide(self, client: httpx.Client) -> None:
        image, sha256 = self._chance.choice(self._stable)
        kind = self._chance.choice(["exclude", "include", "category"])
        category = self._chance.choice(CATEGORIES)
        more = {"category": category} if kind == "category" else {}
        sent = {"decisions": [{"kind": kind, "image": image, **more}]}
        answer = self._sent(lambda: client.post("/v1/review/decisions", json=sent))
        if answer is None:
            return
        self.decisions += answer.json()["decisions"]
        if kind == "category":
            self._categories[sha256] = category
        elif kind == "exclude":
            self._excluded.add(sha256)
        else:
            self._excluded.discard(sha256)

    def _sent(self, request: Callable[[], httpx.Response]) -> httpx.Response | None:
        """The acknowledgement; None where it was refused, which is a fault."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            start = time.time()
            try:
                answer = request()
            except httpx.TransportError as error:
                self._run.outcome.writes["not reached"] += 1
                if not self._run.service.was_down(start, time.time()):
                    self._run.fault(f"a request did not reach a service that ran: {error!r}")
                time.sleep(0.1)
                continue
            self._run.outcome.writes[str(answer.status_code)] += 1
            if answer.status_code in (200, 202):
                return answer
            self._run.judge_refusal("a request that writes", answer)
            if answer.status_code != 503:
                return None
            time.sleep(0.2)
        self._run.fault("a request was not acknowledged in time")
        return None


def png(pixels: UInt8Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _descendants(process: int) -> list[int]:
    found = children(process)
    return found + [one for child in found for one in _descendants(child)]


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().partition("\0")[0]
    except OSError:
        return ""


def _memory() -> int:
    """Bytes of this process and all that it has started; what they share is parted among them."""
    total = 0
    for process in (os.getpid(), *_descendants(os.getpid())):
        with suppress(OSError):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total
