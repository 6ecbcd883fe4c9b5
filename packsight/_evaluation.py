"""Evaluate from Python what `packsight evaluate` evaluates."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from engine.user_folders import user_cache
from offline.evaluate.run import SECTIONS, Request
from offline.evaluate.run import evaluate as evaluate_request
from offline.report.document import Report
from stages.open_settings import settings_for
from stages.profiles import DEFAULT

Stage = Literal["all", "segment", "classify", "retrieve", "end-to-end"]

log = logging.getLogger("packsight")


def evaluate(
    data: str | Path,
    *,
    stage: Stage = "all",
    profile: str | None = None,
    config: str | Path | None = None,
    overrides: Iterable[str] = (),
    protocol: str | None = None,
    limit: int | None = None,
    ablate: bool = False,
    adapt: bool = True,
    photos: str | Path | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
) -> Report:
    """A report of one system, by its settings, on a data set.

    ``protocol``: None for the data set's first. ``limit``: queries at most, evenly spread.
    ``ablate``: also switch what needs no new description, one part at a time. ``adapt``: where the
    settings have ``[adapt] auto``, the gallery is adapted to its images, and in any case where
    ``photos`` of users are given; those that are queries, too, are left out. ``cache`` keeps
    masks and descriptions (None: the user's), so that the same call continues after a kill.
    Images that cannot be read are logged. Raises ConfigError (data, protocol, settings, photos),
    WeightsError and StageError.
    """
    settings = settings_for(
        None,
        profile=profile,
        config=None if config is None else Path(config),
        overrides=overrides,
    )
    name = Path(config or profile or DEFAULT).stem
    request = Request(
        data=Path(data),
        sections=SECTIONS[stage],
        systems={name: settings},
        cache=user_cache("evaluate") if cache is None else Path(cache),
        protocol=protocol,
        seed=seed,
        limit=limit,
        ablate=ablate,
        adapt=adapt,
        photos=None if photos is None else Path(photos),
    )
    report, faults = evaluate_request(request)
    for fault in faults:
        log.warning(fault)
    return report
