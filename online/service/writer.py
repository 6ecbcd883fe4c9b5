"""The one thread that writes to a gallery: it carries out its jobs in order.

The gallery is open for writing only while there is work; where another process writes to it, jobs
wait and queries go on.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from engine.curation import Curation
from engine.describe import Describer
from engine.errors import GalleryError
from engine.galleries import gallery_exists, gallery_identity, open_gallery
from engine.protocols import WritableGallery
from engine.retrieval import AdaptedNeighbours
from online.service.applying import Applying, Prepared
from online.service.changes import Change
from online.service.job import Job
from online.service.jobs import JobTable
from online.service.logs import log_failure, logger
from online.service.problems import RequestError, problem_of
from online.service.served import OpenGallery, ServedGalleries
from online.service.uploads import Uploads
from stages.assemble import assemble

_LOOK_SECONDS = 2.0  # between looks for jobs that another process acknowledged
_RETRY_SECONDS = 0.5  # until a gallery that cannot be written to is tried again
_LONGEST_SECONDS = 30.0  # where a job has failed at it again and again
_TOGETHER_SECONDS = 2.0  # in which jobs are described that are stored together
_CLEAN_SECONDS = 86_400.0  # between looks for uploads that requests left over


class _StoppedError(Exception):
    """The service ends: the job is carried out again at its next start."""


class Writer:
    """Of the gallery ``name``. ``ended`` is called with every job that is done or has failed."""

    def __init__(
        self, galleries: ServedGalleries, name: str, ended: Callable[[str, Job], None]
    ) -> None:
        address = galleries.address(name)
        self.name = name
        self.jobs = JobTable(address)
        self.uploads = Uploads(address)
        self._curation = Curation.open(address)
        self._galleries = galleries
        self._ended = ended
        self._address = address
        self._described_by: tuple[weakref.ref[OpenGallery], Describer] | None = None
        self._gallery: WritableGallery | None = None  # while there is work
        self._undone: set[int] = set()  # of ``Applying``
        self._cleaned = 0.0
        self._failures = 0  # of one job, one after the other
        self._reported = ""
        self._looked_at: str | None = None  # the latest decision at the last look
        self._carried_out = ""  # the latest decision that a job was there for
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"write {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, change: Change, idempotency_key: str | None) -> Job:
        """See ``JobTable.submit``."""
        uploads = [self.uploads.path(change.product, sha256) for sha256 in change.images]
        job = self.jobs.submit(change, uploads, idempotency_key or "")
        self._woken.set()
        return job

    def curate(self, contents: Sequence[str]) -> Job | None:
        """Bring images of these contents to what people decided, which is kept by now. None: there
        is nothing to do, or no job can be submitted, and the decisions are noticed later."""
        if not contents:
            return None
        try:
            return self.submit(Change(kind="curate", contents=tuple(contents)), None)
        except (GalleryError, RequestError) as error:
            logger.warning("decisions on gallery %s are carried out later: %s", self.name, error)
            return None

    def stop(self) -> None:
        """After the batch of images that is being described."""
        self._stopping.set()
        self._woken.set()
        self._thread.join()
        self.jobs.close()
        self._curation.close()

    def _run(self) -> None:
        pause = 0.0  # none before the jobs of an earlier process
        while not self._stopping.is_set():
            self._woken.wait(pause)
            self._woken.clear()
            pause = _LOOK_SECONDS
            try:
                self._let_go()
                self._clean()
                self._notice()
                if self.jobs.unfinished() and not self._stopping.is_set():
                    self._work()
                self._reported = ""
            except _StoppedError:
                return
            except Exception as error:  # the thread must not end: jobs wait for it
                self._report(error)
                self._stopping.wait(min(_RETRY_SECONDS * 2**self._failures, _LONGEST_SECONDS))
                pause = 0.0

    def _report(self, error: Exception) -> None:
        """Once, however often it is tried again."""
        if str(error) != self._reported:
            self._reported = str(error)
            logger.warning("jobs of gallery %s wait: %s", self.name, error)
            if not isinstance(error, GalleryError):
                log_failure(error)

    def _notice(self) -> None:
        """Submit a job for decisions that none was submitted for: the process that kept them was
        killed in between, or is no service.

        What is decided is durable first, in the file of decisions. A mark in the gallery's database
        tells behind which of them all are carried out; a job of the kind "curate" carries out what
        lies behind the mark, and moves it with what it has stored. So decisions behind the mark
        without such a job are looked for, at the start and whenever there are new ones. Those that
        were not there at the last look may be of a request that is about to submit its job.
        """
        latest, before = self._curation.latest(), self._looked_at
        self._looked_at = latest
        if latest in ("", self._carried_out) or (before is not None and latest != before):
            return
        if not gallery_exists(self._address):
            return
        with open_gallery(self._address) as gallery:
            mark = gallery.curated_to()
        with self.jobs.changing():
            if self.jobs.waits("curate"):
                return
            if self._curation.since(mark, 1)[1] != mark:
                self.submit(Change(kind="curate"), None)
        self._carried_out = latest

    def _work(self) -> None:
        """All jobs that there are."""
        opened = self._galleries.get(self.name)
        describer = self._describer(opened)
        with open_gallery(opened.address, write=True) as gallery:
            # None other comes into use while this one is open for writing.
            if gallery_identity(opened.address) != opened.identity:
                raise GalleryError(f"{opened.address}: another generation of it is being opened.")
            self._gallery = gallery
            applying = Applying(
                gallery,
                describer,
                opened.limits,
                opened.settings.ingest.batch,
                self._curation,
                self.uploads,
                self._undone,
            )
            try:
                while self.jobs.unfinished():
                    self._store(applying, self._prepared(applying))
            except GalleryError:  # a full disk: the jobs wait for room
                self._failures += 1
                raise

    def _prepared(self, applying: Applying) -> list[tuple[Job, Prepared]]:
        """The next jobs, described, that can be stored together: every change of a category costs
        each query in between an index of it."""
        until = time.monotonic() + _TOGETHER_SECONDS
        group: list[tuple[Job, Prepared]] = []
        place = 0
        while not group or time.monotonic() < until:
            begun = [job for job, _ in group]
            job = self.jobs.begin(place, partial(_joins, begun))
            if job is None:
                break
            place = job.place
            try:
                if (prepared := self._prepare(applying, job)) is not None:
                    group.append((job, prepared))
            except _StoppedError:
                for one in (job, *begun):
                    self.jobs.wait_again(one)
                raise
        return group

    def _prepare(self, applying: Applying, job: Job) -> Prepared | None:
        """None: the job has failed."""
        try:
            return applying.prepare(job.change, partial(self._progress, job))
        except (_StoppedError, GalleryError):
            raise
        except Exception as cause:
            self._finish(applying, job, self._failed(job, cause), ())
            return None

    def _store(self, applying: Applying, group: list[tuple[Job, Prepared]]) -> None:
        if not group:
            return
        error = ""
        try:
            applying.store([prepared for _, prepared in group])
            more = any(prepared.more for _, prepared in group)
            if self.jobs.unfinished() == len(group) and not more:  # else after the last of all
                applying.index()
        except GalleryError:
            raise
        except Exception as cause:
            if len(group) > 1:
                for one in group:
                    self._store(applying, [one])
                return
            error = self._failed(group[0][0], cause)
        self._failures = 0
        for job, prepared in group:
            if prepared.more and not error:
                self.jobs.wait_again(job)
            else:
                self._finish(applying, job, error or prepared.error, prepared.files)

    def _finish(self, applying: Applying, job: Job, error: str, files: Sequence[Path]) -> None:
        self._ended(self.name, self.jobs.finish(job, error))
        sent = [self.uploads.path(job.change.product, one) for one in job.change.images]
        self.uploads.clean([*sent, *files], applying.gallery, self.jobs)

    def _failed(self, job: Job, cause: Exception) -> str:
        logger.warning("job %s of gallery %s failed", job.id, self.name)
        problem = problem_of(cause)
        if problem.is_failure:
            log_failure(cause)
        return problem.detail

    def _progress(self, job: Job, done: int, total: int) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        self.jobs.progress(job, done, total)

    def _describer(self, opened: OpenGallery) -> Describer:
        """Of its own: that of the queries reads the gallery as photos do, in other threads."""
        if self._described_by is None or self._described_by[0]() is not opened:
            parts = assemble(opened.settings, gallery=self._neighbours, keep_mattes=True)
            self._described_by = (weakref.ref(opened), parts.describer)
        return self._described_by[1]

    def _let_go(self) -> None:
        """The models of a generation that answers no more."""
        if self._described_by is not None and self._described_by[0]() is None:
            self._described_by = None

    def _neighbours(self) -> AdaptedNeighbours | None:
        return (
            None
            if self._gallery is None
            else AdaptedNeighbours(self._gallery, "catalogue", self._undone)
        )

    def _clean(self) -> None:
        """Uploads that no request, job or image refers to, once a day."""
        if time.monotonic() < self._cleaned:
            return
        self._cleaned = time.monotonic() + _CLEAN_SECONDS
        if (left := list(self.uploads.left_over())) and gallery_exists(self._address):
            with open_gallery(self._address) as gallery:
                self.uploads.clean(left, gallery, self.jobs)


def _joins(begun: Sequence[Job], job: Job) -> bool:
    """Whether a job comes to the same before and after those that have begun are stored. One that
    was begun before is carried out alone: it may be what ended the process."""
    if not begun:
        return True
    change, before = job.change, [other.change for other in begun]
    if job.attempts or any(other.attempts > 1 for other in begun):
        return False
    if {"delete matching", "curate"} & {change.kind, before[-1].kind}:
        return False
    predicted = change.kind in ("replace", "add") and change.category is None
    return not predicted and change.product not in {other.product for other in before}
