"""Fit a gallery's category head, and take it where it predicts and routes better than the vote.

A gallery's users mostly photograph products that it holds. So a query's own product stays in the
gallery, as its other images, for the vote and for the head alike, and only the query itself (with
its third of the queries) is left out of the head's fit. Given photos of its product are left out
as often as a product of the gallery has none. A head that is judged on products
left out altogether competes with a vote that lacks its best neighbours, and wins too easily. What
does not see the products of a fold is all else: the vectors' projection, and the settings of the
head, its temperature among them.

Photos differ from catalogue images, and a vote bears that better than a softmax that has not seen
them: a head predicts what it was judged by, photos or catalogue images, and the vote the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from engine.adaptation import Part
from engine.category_head import LEAST_VOTE, CategoryHead, log_vote
from engine.config import Settings
from engine.distances import unit_rows
from engine.probabilities import UnknownRule, knownness, softmax_at
from engine.routing import route
from engine.types import BoolArray, CategoryScores, Float64Array, FloatArray, Neighbour
from offline.adapt.fit import Fitted
from offline.adapt.judging import (
    BLOCK,
    LEAST_PRODUCTS,
    Products,
    Queries,
    Vectors,
    average_precisions,
    gain,
    number_of,
)
from offline.adapt.judging import (
    sample as sampled,
)
from offline.adapt.probabilities import choose_unknown, fit_temperature, least_probability
from offline.adapt.softmax import Softmax, fit_softmax
from offline.adapt.spaces import Space
from offline.metrics.classification import auroc, scores_of
from stages.classify.nearest import Options, vote

NAME = "category head"
RIDGES = (0.3, 0.03)  # falling: each fit starts from the one before
# Of the vote, as a further feature beside the softmax's logits; 0: without a vote.
VOTE_WEIGHTS = (0.0, 0.5, 1.0, 2.0)
# A product's queries are left out of a fit in so many turns.
TURNS = 3
# Images times dimensions times categories that a fit which only judges may have: more are drawn.
MOST_NUMBERS = 1.5e7
# Of the mean average precision of routed answers a head that predicts better may lose so much.
MARGIN = 0.01
# Fraction of queries whose category must be searched where routing goes by a least probability.
REACH = 0.999
# An unknown rule needs so many categories, and must tell them apart so well.
LEAST_CATEGORIES = 6
LEAST_AUROC = 0.8


@dataclass(frozen=True, eq=False)
class Categories:
    """Of a gallery's images. ``of`` (N,): the number of each in ``names``; ``given`` (N,): by a
    label; ``settings``: how they are predicted and searched."""

    names: tuple[str, ...]
    of: Products
    given: BoolArray
    settings: Settings = field(default_factory=Settings)

    @property
    def voting(self) -> Options:
        return Options.model_validate(self.settings.classify.options)


@dataclass(frozen=True)
class Setting:
    ridge: float
    vote_weight: float
    temperature: float


@dataclass(frozen=True, eq=False)
class _Sample:
    """Vectors as they are compared, with their categories; ``own``: places in the gallery, -1: a
    photo that was given; ``turns``: in which turn such a photo is left out, -1: in none."""

    rows: FloatArray
    labels: Products
    products: Products
    own: Products
    turns: Products

    def chosen(self, kept: BoolArray | Products) -> _Sample:
        return _Sample(
            self.rows[kept],
            self.labels[kept],
            self.products[kept],
            self.own[kept],
            self.turns[kept],
        )


def fit_head(
    gallery: Vectors,
    photos: Vectors | None,
    queries: Queries,
    fitted: Fitted,
    categories: Categories,
    seed: int = 0,
) -> tuple[Part, CategoryHead | None]:
    """What a head for the vectors as ``fitted`` compares them gains over the vote, and the head
    where it is taken."""
    classifier = categories.settings.classify.name
    if classifier != "nearest":
        why = f"categories are predicted by classify.name = {classifier}, not by a vote"
        return Part(name=NAME, taken=False, why=why), None
    if fitted.space is None and np.allclose(np.linalg.norm(gallery.rows, axis=1), 1, atol=1e-3):
        space = as_described(gallery)
        held_out = tuple(replace(one, space=space) for one in fitted.held_out)
        fitted = replace(fitted, space=space, held_out=held_out)
    return _HeadFit(gallery, photos, queries, fitted, categories, seed).run()


def as_described(gallery: Vectors) -> Space:
    """Vectors of length 1 stay as they are."""
    mean = np.zeros(gallery.rows.shape[1], np.float32)
    return Space(mean, mean)


@dataclass(frozen=True, eq=False)
class _HeadFit:
    gallery: Vectors
    photos: Vectors | None
    queries: Queries
    fitted: Fitted
    categories: Categories
    seed: int = 0

    def run(self) -> tuple[Part, CategoryHead | None]:
        why = self._refused()
        space = self.fitted.space
        if why or space is None:
            return Part(name=NAME, taken=False, why=why), None
        voted, honest = self._voted, self._honest
        before, after = self._precisions(voted), self._precisions(honest)
        found = gain(after, before, self._judged, self.seed)
        better = gain(_log(honest, self._true), _log(voted, self._true), self._judged, self.seed)
        taken = found.low > 0 or (found.low > -MARGIN and better.low > 0)
        setting = self._setting(np.ones(len(self._judged), np.bool_))
        correct = [float((one.argmax(axis=1) == self._true).mean()) for one in (voted, honest)]
        part = Part(
            name=NAME,
            taken=taken,
            why=f"{self._kind} by vote {correct[0]:.1%} are predicted correctly, by head "
            f"{correct[1]:.1%}; log loss {_loss(voted, self._true)} and {_loss(honest, self._true)}"
            + (", for which it is taken" if taken and found.low <= 0 else ""),
            settings={
                "ridge": setting.ridge,
                "vote_weight": setting.vote_weight,
                "temperature": setting.temperature,
            },
            gain=found.mean,
            low=found.low,
            high=found.high,
        )
        return part, self._head(space, setting) if taken else None

    @property
    def _kind(self) -> str:
        """What it predicts, and nothing else."""
        return "photos:" if self._judged.are_photos else "catalogue images:"

    def _refused(self) -> str:
        """Why no head is fitted; empty where one is."""
        if not self.fitted.held_out:
            return self.fitted.parts[-1].why
        if self.fitted.space is None:
            return "vectors are compared as they were described"
        if len(self._names) < 2:
            return f"{len(self._names)} categories with labelled images, and it takes 2"
        products = len(np.unique(self._judged.vectors.products)) if len(self._judged) else 0
        if products < LEAST_PRODUCTS:
            return f"{products} labelled products to judge by, and it takes {LEAST_PRODUCTS}"
        if len(np.unique(self._true)) < 2:
            return "all labelled products to judge by are of one category"
        return ""

    @cached_property
    def _numbers(self) -> Products:
        """(categories,) of those with labelled images, from 0; -1 for the others."""
        labelled = np.unique(self.categories.of[self.categories.given])
        numbers = np.full(len(self.categories.names), -1, np.int64)
        numbers[labelled] = np.arange(len(labelled))
        return numbers

    @cached_property
    def _names(self) -> tuple[str, ...]:
        pairs = zip(self.categories.names, self._numbers.tolist(), strict=True)
        return tuple(name for name, number in pairs if number >= 0)

    @cached_property
    def _of_product(self) -> Products:
        """(P,) the category of each product by the labels of its images; -1: none."""
        given = self.categories.given
        both = [self.gallery.products, self.queries.vectors.products]
        both += [] if self.photos is None else [self.photos.products]
        found = np.full(int(max(one.max(initial=0) for one in both)) + 1, -1, np.int64)
        found[self.gallery.products[given]] = self._numbers[self.categories.of[given]]
        return found

    @cached_property
    def _of_query(self) -> Products:
        """(Q,) by its own label, or else that of its product; -1: none."""
        own = self.queries.own
        labelled = (own >= 0) & self.categories.given[own]
        of_image = self._numbers[self.categories.of[own]]
        return np.where(labelled, of_image, self._of_product[self.queries.vectors.products])

    @cached_property
    def _kept(self) -> Products:
        """Places of the queries whose category is known."""
        return np.flatnonzero(self._of_query >= 0)

    @cached_property
    def _judged(self) -> Queries:
        return self.queries.chosen(self._kept)

    @cached_property
    def _true(self) -> Products:
        return self._of_query[self._kept]

    @cached_property
    def _folds(self) -> list[tuple[Products, Products, Space]]:
        """Places among the judged queries, of their images in the gallery, and the space."""
        place = np.full(len(self.queries), -1, np.int64)
        place[self._kept] = np.arange(len(self._kept))
        found = []
        for one in self.fitted.held_out:
            at = place[one.queries]
            if one.space is not None and (at >= 0).any():
                found.append((at[at >= 0], one.images, one.space))
        return found

    def _sample(self, space: Space, without: Products = np.empty(0, np.int64)) -> _Sample:  # noqa: B008
        """All that a head may learn from, less the photos given of some products."""
        given = np.flatnonzero(self.categories.given)
        known, own, turns = self.gallery.chosen(given), given, np.full(len(given), -1, np.int64)
        if self.photos is not None:
            number = np.maximum(self.photos.products, 0)
            kept = (self.photos.products >= 0) & (self._of_product[number] >= 0)
            extra = self.photos.chosen(kept & ~np.isin(self.photos.products, without))
            known = known.beside(extra)
            own = np.concatenate([own, np.full(len(extra), -1, np.int64)])
            turns = np.concatenate([turns, number_of(extra.rows, TURNS)])
        labels = np.concatenate(
            [
                self._numbers[self.categories.of[given]],
                self._of_product[known.products[len(given) :]],
            ]
        )
        return _Sample(unit_rows(space.compared(known).rows), labels, known.products, own, turns)

    @cached_property
    def _votes(self) -> tuple[list[CategoryScores], Float64Array]:
        """Of the judged queries among all labelled images but themselves; (Q, C) logarithms."""
        votes: list[CategoryScores | None] = [None] * len(self._judged)
        for places, _, space in self._folds:
            labelled = np.flatnonzero(self.categories.given)
            theirs = unit_rows(space.compared(self.gallery.chosen(labelled)).rows)
            ours = self._query_rows(space, places)
            own = self._judged.own[places]
            for at, one in zip(places, self._vote(ours, own, theirs, labelled), strict=True):
                votes[at] = one
        found = [one for one in votes if one is not None]
        return found, np.stack([log_vote(one, self._names) for one in found])

    def _vote(
        self, ours: FloatArray, own: Products, theirs: FloatArray, places: Products
    ) -> list[CategoryScores]:
        """Of queries among gallery images ``theirs`` at ``places``, both of length 1."""
        names = [self.categories.names[number] for number in self.categories.of[places]]
        voting = self.categories.voting
        found = []
        for start in range(0, len(ours), BLOCK):
            near = ours[start : start + BLOCK] @ theirs.T
            near[own[start : start + BLOCK, None] == places[None]] = -np.inf
            count = min(voting.k, near.shape[1])
            for line in near:
                first = np.argpartition(-line, count - 1)[:count]
                first = first[np.argsort(-line[first], kind="stable")]
                distances = np.sqrt(np.maximum(2 - 2 * line[first].astype(np.float64), 0.0))
                neighbours = [
                    Neighbour(int(at), float(distance), names[at])
                    for at, distance in zip(first, distances, strict=True)
                    if np.isfinite(distance)
                ]
                found.append(vote(neighbours, voting.power))
        return found

    def _query_rows(self, space: Space, places: Products) -> FloatArray:
        return unit_rows(space.compared(self._judged.vectors.chosen(places)).rows)

    @cached_property
    def _voted(self) -> Float64Array:
        """(Q, C)."""
        found = np.zeros((len(self._judged), len(self._names)))
        place = {name: number for number, name in enumerate(self._names)}
        for row, one in zip(found, self._votes[0], strict=True):
            for name, value in zip(one.names, one.probabilities.tolist(), strict=True):
                if name in place:
                    row[place[name]] = value
        return found

    @cached_property
    def _unseen(self) -> Products:
        """Products whose given photos take no part in what judges: by chance, as many of those as
        there are among all that no photo was given of."""
        held = np.unique(self.gallery.products)
        shown = np.unique(self._judged.vectors.products)
        given = np.empty(0, np.int64) if self.photos is None else self.photos.products
        fraction = 1 - np.isin(held, given).mean()
        drawn = np.random.default_rng(self.seed).permutation(shown)
        return drawn[: round(fraction * len(shown))]

    @cached_property
    def _logits(self) -> Float64Array:
        """(ridges, Q, C) of the judged queries, by heads that have not seen them."""
        count = len(self._names)
        found = np.zeros((len(RIDGES), len(self._judged), count))
        for places, _, space in self._folds:
            queries = self._judged.chosen(places)
            sample = self._drawn(self._sample(space, self._unseen))
            rows = self._query_rows(space, places)
            if len(sample.rows) < rows.shape[1]:
                # Weights are sums of the images' vectors: of fewer images than dimensions they are
                # fitted to coordinates among these.
                axes = np.linalg.qr(sample.rows.T)[0]
                sample, rows = replace(sample, rows=sample.rows @ axes), rows @ axes
            turns = _turns(queries)
            starts = self._path(sample)
            for turn in np.unique(turns):
                mine = np.flatnonzero(turns == turn)
                left = np.isin(sample.own, queries.own[mine]) & (sample.own >= 0)
                left |= sample.turns == turn
                fits = self._path(sample.chosen(~left), starts) if left.any() else starts
                for at, fitted in enumerate(fits):
                    found[at, places[mine]] = fitted.logits(rows[mine])
        return found

    def _drawn(self, sample: _Sample) -> _Sample:
        """As much of it as a fit that only judges may have."""
        count = len(self._names)
        most = max(int(MOST_NUMBERS / (sample.rows.shape[1] * count)), 10 * count)
        return sample.chosen(sampled(np.arange(len(sample.rows)), most, self.seed))

    def _path(self, sample: _Sample, starts: Sequence[Softmax] = ()) -> list[Softmax]:
        """A fit a ridge."""
        found: list[Softmax] = []
        for at, ridge in enumerate(RIDGES):
            start = starts[at] if starts else (found[-1] if found else None)
            found.append(self._fit(sample, ridge, start))
        return found

    def _fit(self, sample: _Sample, ridge: float, start: Softmax | None = None) -> Softmax:
        """Every product counts alike."""
        weighs = 1 / np.bincount(sample.products)[sample.products]
        return fit_softmax(sample.rows, sample.labels, len(self._names), ridge, weighs, start)

    def _pooled(self, setting: Setting) -> Float64Array:
        """(Q, C) logits."""
        logits = self._logits[RIDGES.index(setting.ridge)]
        return np.asarray(logits + setting.vote_weight * self._votes[1], np.float64)

    def _setting(self, judged: BoolArray) -> Setting:
        """The likeliest for these queries."""
        best: tuple[float, Setting] | None = None
        true = self._true[judged]
        for ridge in RIDGES:
            for vote_weight in VOTE_WEIGHTS:
                logits = self._pooled(Setting(ridge, vote_weight, 1.0))[judged]
                temperature = fit_temperature(logits, true)
                found = float(_log(softmax_at(logits, temperature), true).mean())
                if best is None or found > best[0]:
                    best = found, Setting(ridge, vote_weight, temperature)
        assert best is not None
        return best[1]

    @cached_property
    def _honest(self) -> Float64Array:
        """(Q, C) by the setting that is best for the other folds."""
        found = np.zeros((len(self._judged), len(self._names)))
        for places, _, _ in self._folds:
            others = np.ones(len(found), np.bool_)
            others[places] = False
            setting = self._setting(others if others.any() else ~others)
            found[places] = softmax_at(self._pooled(setting)[places], setting.temperature)
        return found

    def _precisions(self, probabilities: Float64Array) -> Float64Array:
        """(Q,) of answers that are routed by them, among the images of each fold."""
        held = sorted({self.categories.names[number] for number in self.categories.of.tolist()})
        settings = self.categories.settings.route
        if settings.by == "probability" and settings.least_probability == 0:
            settings = settings.model_copy(update={"by": "mass"})  # a vote has no least of its own
        scores = scores_of(self._names, _summing(probabilities))
        code = {name: number for number, name in enumerate(self.categories.names)}
        found = np.empty(len(self._judged))
        for places, images, space in self._folds:
            searched = np.zeros((len(places), len(self.categories.names)), np.bool_)
            for row, at in enumerate(places):
                routed = route(scores[at], held, settings)
                searched[row, [code[name] for name in routed.categories]] = True
            place = np.full(len(self.gallery), -1, np.int64)
            place[images] = np.arange(len(images))
            judged = self._judged.chosen(places)
            queries = replace(judged, own=np.where(judged.own >= 0, place[judged.own], -1))
            found[places] = average_precisions(
                queries,
                self._query_rows(space, places),
                space.compared(self.gallery.chosen(images)),
                searched[:, self.categories.of[images]],
            )
        return found

    def _head(self, space: Space, setting: Setting) -> CategoryHead:
        """Fitted to everything."""
        fitted = self._fit(self._sample(space), setting.ridge)
        return CategoryHead(
            names=self._names,
            weights=fitted.weights,
            bias=fitted.bias,
            temperature=setting.temperature,
            vote_weight=setting.vote_weight,
            unknown=self._unknown(space, setting, fitted),
            least=least_probability(self._honest, self._true, REACH),
            of_photos=self._judged.are_photos,
        )

    def _unknown(self, space: Space, setting: Setting, start: Softmax) -> UnknownRule | None:
        """By queries of categories that are left out in turn; None where these are few or look like
        the others."""
        count = len(self._names)
        if len(np.unique(self._true)) < LEAST_CATEGORIES:
            return None
        fold = np.random.default_rng(self.seed).permutation(count) % TURNS
        sample = self._drawn(self._sample(space))
        outliers = np.full((len(self._judged), count), -np.inf)
        for turn in range(TURNS):
            mine = np.flatnonzero(fold[self._true] == turn)
            kept = np.flatnonzero(fold != turn)
            left = sample.chosen(fold[sample.labels] != turn)
            if not len(mine) or len(np.unique(left.labels)) < 2:
                continue
            logits = self._fit(left, setting.ridge, start).logits(self._query_rows(space, mine))
            if setting.vote_weight:
                held = left.own >= 0
                votes = self._vote(
                    self._query_rows(space, mine),
                    self._judged.own[mine],
                    left.rows[held],
                    left.own[held],
                )
                logits += setting.vote_weight * np.stack([log_vote(v, self._names) for v in votes])
            outliers[np.ix_(mine, kept)] = logits[:, kept]
        outliers = outliers[np.isfinite(outliers).any(axis=1)]
        known = self._pooled(setting)
        if not len(outliers):
            return None
        rule = choose_unknown(known, outliers, temperature=setting.temperature)
        apart = auroc(
            *(knownness(one, rule.score, setting.temperature) for one in (known, outliers))
        )
        return rule if apart >= LEAST_AUROC else None


def _turns(queries: Queries) -> Products:
    """(Q,) in which turn each is left out: images of one product in different ones, given photos by
    their vectors, so that copies are left out together."""
    products = queries.vectors.products
    order = np.argsort(products, kind="stable")
    ranked = products[order]
    rank = np.empty(len(products), np.int64)
    rank[order] = np.arange(len(products)) - np.searchsorted(ranked, ranked)
    given = number_of(queries.vectors.rows, TURNS)
    return np.where(queries.own >= 0, rank % TURNS, given)


def _log(probabilities: Float64Array, true: Products) -> Float64Array:
    """(Q,) of the true category; no lower than that of a vote without it."""
    found = probabilities[np.arange(len(true)), true]
    return np.asarray(np.log(np.maximum(found, LEAST_VOTE)), np.float64)


def _loss(probabilities: Float64Array, true: Products) -> str:
    return f"{abs(_log(probabilities, true).mean()):.3f}"


def _summing(probabilities: Float64Array) -> Float64Array:
    """To 1 a row; a vote for categories that no head has leaves all alike."""
    totals = probabilities.sum(axis=1, keepdims=True)
    alike = np.full_like(probabilities, 1 / probabilities.shape[1])
    return np.where(totals > 0, probabilities / np.where(totals > 0, totals, 1.0), alike)
