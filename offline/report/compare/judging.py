"""Every figure of two reports: better, worse, or no more than noise."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from engine.errors import ConfigError
from offline.report.compare.comparison import Comparison, Method, Row, Verdict
from offline.report.compare.differences import (
    RESAMPLES,
    Estimate,
    Measured,
    adjusted,
    estimates,
    from_intervals,
)
from offline.report.compare.pairing import Common, Pair, Unit, common_items, paired_figures
from offline.report.compare.rules import Rules
from offline.report.document import Figure, Report

# A change that equals its bound but for rounding is no more than the bound.
_ROUNDING = 1e-9
_WORDS: dict[Method, str] = {
    "paired": "item by item",
    "intervals": "from both intervals",
    "exact": "without noise: counted, or equal",
    "none": "no interval: not judged",
}
UNDEFINED = "not defined in either report"

_Finding = tuple[Method, Estimate | None, int | None]


def compare(
    before: Report, after: Report, rules: Rules | None = None, *, anyway: bool = False
) -> Comparison:
    """A row a figure that both reports have, in the order of ``before``.

    Figures with samples in both are compared item by item over the items they share; others by
    their intervals; bytes are exact; the rest is not judged unless it is equal. A figure is better
    or worse where its ``adjusted`` p is at most ``rules.level``, and a regression where it is
    worse by more than its bound besides. Exchanging the reports mirrors every row, but for changes
    that are a fraction of the value before.

    Raises ConfigError for reports on different images unless ``anyway``, where no figure can be
    judged, and for a pattern of the rules that no figure fits.
    """
    rules = rules or Rules()
    warnings = check_comparable(before, after, rules, anyway=anyway)
    found = paired_figures(before, after)
    rules.check_patterns([pair.place for pair in found.pairs])
    pairs = [pair for pair in found.pairs if rules.judges(pair.place)]
    findings = _findings(pairs, rules.seed)
    if not any(estimate is not None for _, estimate, _ in findings):
        raise ConfigError(
            "The reports have no figure in common that can be judged.",
            remedy="Compare reports of the same stages and systems, with samples or intervals.",
        )
    chances = _adjusted(findings, rules)
    judged = sum(chance is not None for chance in chances)
    rows = [_row(*one, rules) for one in zip(pairs, findings, chances, strict=True)]
    return Comparison(
        before=before.title,
        after=after.title,
        rows=tuple(rows),
        vanished=found.vanished,
        appeared=found.appeared,
        warnings=warnings,
        level=rules.level,
        correction=rules.correction,
        judged=judged,
        by_chance=rules.level * judged,
        seed=rules.seed,
        resamples=RESAMPLES,
    )


def _adjusted(findings: list[_Finding], rules: Rules) -> list[float | None]:
    """p corrected for all figures that chance could make differ; None for the others.

    A figure of which next to no item changed cannot reach the level however these fell, so it is
    no chance for a false alarm and is not counted (Tarone, Biometrics 1990; Gilbert, Journal of
    the Royal Statistical Society C, 2005, for the false discovery rate).
    """
    uncertain = [
        place
        for place, (method, estimate, _) in enumerate(findings)
        if estimate is not None and method != "exact" and estimate.least <= rules.level
    ]
    chances = [found.p for place in uncertain if (found := findings[place][1]) is not None]
    corrected = dict(zip(uncertain, adjusted(chances, rules.correction), strict=True))
    return [corrected.get(place) for place in range(len(findings))]


def check_comparable(
    before: Report, after: Report, rules: Rules, *, anyway: bool
) -> tuple[str, ...]:
    """What a reader has to know of the two; ConfigError for different images."""
    old, new = before.provenance, after.provenance
    warnings = []
    if old.dataset_checksum != new.dataset_checksum:
        fault = (
            f"The reports are of different images: {old.dataset} (checksum "
            f"{old.dataset_checksum[:12]}) and {new.dataset} ({new.dataset_checksum[:12]})."
        )
        if not anyway:
            raise ConfigError(
                fault, remedy="Evaluate both on the same data, or add --anyway to compare them so."
            )
        warnings.append(fault)
    if old.seed != new.seed:
        warnings.append(f"The reports were made with different seeds, {old.seed} and {new.seed}.")
    if rules.gate_times and old.machine != new.machine:
        warnings.append("The reports were made on different machines: times cannot be compared.")
    return tuple(warnings)


def _findings(pairs: list[Pair], seed: int) -> list[_Finding]:
    """Figures of the same items are resampled together, so that each list is drawn once."""
    findings: list[_Finding] = [("none", None, None)] * len(pairs)
    alike: dict[tuple[Unit, ...], list[tuple[int, Common]]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        common = common_items(pair)
        if common is not None and common.items and pair.before.value is not None:
            alike[common.units].append((place, common))
        else:
            findings[place] = _unpaired(pair)
    for members in alike.values():
        sums = np.stack([common.sums for _, common in members], axis=1)
        counts = np.stack([common.counts for _, common in members], axis=1)
        for (place, common), found in zip(members, estimates(sums, counts, seed), strict=True):
            findings[place] = ("paired", found, common.items)
    return findings


def _unpaired(pair: Pair) -> _Finding:
    old, new = _measured(pair.before), _measured(pair.after)
    if old is not None and new is not None:
        return "intervals", from_intervals(old, new), None
    before, after = pair.before.value, pair.after.value
    if before is None or after is None:
        return "none", None, None
    if pair.before.unit == "bytes" or before == after:
        difference = after - before
        return "exact", Estimate(difference, difference, difference, float(not difference)), None
    return "none", None, None


def _measured(figure: Figure) -> Measured | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return figure.value, figure.low, figure.high


def _row(pair: Pair, finding: _Finding, chance: float | None, rules: Rules) -> Row:
    method, estimate, items = finding
    old, new = pair.before, pair.after
    verdict: Verdict = "not judged"
    if estimate is not None:
        sure = (estimate.p if chance is None else chance) <= rules.level
        verdict = _verdict(new, estimate.difference) if sure else "same"
    change = _change(old, estimate)
    bound = rules.bound_of(pair.place, old.unit)
    beyond = estimate is not None and (change is None or abs(change) > bound + _ROUNDING)
    why = UNDEFINED if old.value is None else _WORDS[method]
    return Row(
        system=pair.system,
        stage=pair.place.stage,
        group=pair.place.group,
        figure=pair.place.figure,
        unit=old.unit,
        better=new.better,
        before=old.value,
        after=new.value,
        difference=estimate.difference if estimate else None,
        low=estimate.low if estimate else None,
        high=estimate.high if estimate else None,
        p=estimate.p if estimate else None,
        adjusted=chance,
        method=method,
        items=items,
        verdict=verdict,
        change=change,
        relative=bool(old.unit),
        bound=bound,
        regression=verdict == "worse" and beyond and rules.gates(old),
        why=why,
    )


def _verdict(figure: Figure, difference: float) -> Verdict:
    if difference == 0:
        return "same"
    if figure.better == "neither":
        return "different"
    return "better" if (difference > 0) == (figure.better == "higher") else "worse"


def _change(before: Figure, estimate: Estimate | None) -> float | None:
    """In units of the bound."""
    if estimate is None or not before.unit:
        return estimate.difference if estimate else None
    if not estimate.difference:
        return 0.0
    return estimate.difference / abs(before.value) if before.value else None
