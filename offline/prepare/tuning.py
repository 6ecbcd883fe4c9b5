"""A curator's catalogue tunes the embedder of a profile: before, training, after, settings."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from engine.config import Settings, overlay
from engine.errors import ConfigError
from engine.files import file_sha256, write_whole
from engine.user_folders import expanded
from offline.datasets import open_dataset
from offline.datasets.joined import joined
from offline.datasets.listed import ListedDataset
from offline.prepare import estimates
from offline.prepare.compact import SETTINGS
from offline.prepare.embedder import (
    EMBEDDER,
    embedder_recipe,
    network_of,
    served_files,
    with_embedder,
)
from offline.prepare.held_out import Divided, divided, gain_of, require_gain
from offline.prepare.images import TRAIN, contents_of, images_of, product_of
from offline.prepare.settings_file import settings_step
from offline.prepare.steps import Plan, Step, text_sha256, whole_steps
from offline.store.vectors import features
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.embedder.start import find_weights
from offline.train.embedder.training import train_embedder
from offline.train.recipe_file import Tables
from offline.train.run import Callbacks, Splits
from stages.assemble import assemble_embedding
from weights.export import store_halved

HEADER = "Networks tuned to a catalogue, written by packsight train compact."
BEFORE, AFTER = "before", "after"
LEAST_EPOCHS = 3  # for fewer there are fewer images
MINUTES = 60.0


@dataclass(frozen=True)
class Tuning:
    """``start``: the profile whose embedder goes on learning, with the user's settings over it;
    ``minutes``: that all of it may take, about."""

    out: Path
    data: tuple[Path, ...]
    recipes: Tables
    start: Settings
    minutes: float = MINUTES
    backgrounds: Path | None = None


def plan_tuning(tuning: Tuning) -> Plan:
    """What is to be made, of what, and what there is; changes nothing.

    Raises ConfigError for data with too few products of several images, for a start without a
    network and for less time than the fewest images and epochs take.
    """
    if unknown := sorted(set(tuning.recipes) - {EMBEDDER}):
        raise ConfigError(
            f"recipe: [{unknown[0]}]: only an embedder is tuned.", remedy=f"Valid: {EMBEDDER}."
        )
    making = _Making(tuning, expanded(tuning.out).absolute())
    steps = making.steps()
    return Plan(making.out, steps, whole_steps(making.out, steps))


@dataclass(frozen=True)
class _Making:
    tuning: Tuning
    out: Path

    def steps(self) -> tuple[Step, ...]:
        made = (self._before(), self._embedder(), self._after())
        needs = tuple(step.name for step in made)
        return (*made, settings_step(self.out / SETTINGS, self._tuned, HEADER, needs))

    @cached_property
    def _images(self) -> Divided:
        """Of all splits, unless the recipe names some."""
        recipe, splits = self._recipes
        dataset = joined([open_dataset(folder) for folder in self.tuning.data])
        names = dataset.splits if splits.train is None else splits.train.split(",")
        return divided(images_of(dataset, names), recipe.seed)

    @property
    def _start(self) -> Settings:
        """Without a category head: it fits the vectors of before, and labels vote."""
        return overlay(self.tuning.start, {"classify": {"head": ""}}, "tuning")

    @property
    def _tuned(self) -> Settings:
        tables = {"embed": with_embedder(self._start, self._model)}
        return overlay(self._start, tables, "packsight train compact")

    @property
    def _model(self) -> Path:
        return self.out / f"{EMBEDDER}.onnx"

    @property
    def _cache(self) -> Path:
        return self.out / "described"

    @cached_property
    def _recipes(self) -> tuple[EmbedderRecipe, Splits]:
        """With the most epochs that there may be."""
        behind = self.tuning.backgrounds
        given: dict[str, object] = {} if behind is None else {"backgrounds": behind}
        recipe, splits = embedder_recipe(self.tuning.recipes.get(EMBEDDER, {}), **given)
        network = replace(recipe.network, weights=network_of(self.tuning.start))
        return replace(recipe, network=network), splits

    def _within(self, slower: float) -> tuple[EmbedderRecipe, Divided]:
        """Epochs and images that fit into the time, on a machine that takes ``slower`` times what
        is estimated."""
        images = self._images
        described = estimates.of_describing(2 * len(images.gallery))
        seconds = 60 * self.tuning.minutes / slower
        seconds -= described.seconds + estimates.OPENING.seconds + estimates.EXPORTING
        recipe, learned = self._recipes[0], len(images.learned)
        for epochs in range(recipe.learning.epochs, 0, -1):
            recipe = replace(recipe, learning=replace(recipe.learning, epochs=epochs))
            one = estimates.of_tuning(recipe, 1).seconds
            if learned * one <= seconds:
                return recipe, images
            if epochs <= LEAST_EPOCHS:
                break
        fitting = images.with_learned(int(seconds / one)) if seconds > 0 else None
        if fitting is None or len(fitting.learned) * one > seconds:
            raise ConfigError(
                f"--minutes {self.tuning.minutes:g}: too short for {len(images.gallery)} images "
                f"to judge by and some to learn from, at {slower:.1f} times the estimated time.",
                remedy="Give more --minutes; what is described is kept.",
            )
        return recipe, fitting

    # The steps --------------------------------------------------------------------------------

    def _before(self) -> Step:
        target, gallery = self.out / "before.json", self._images.gallery

        def run(callbacks: Callbacks) -> None:
            parts, progress = assemble_embedding(self._start), callbacks.progress("describing")
            started = time.monotonic()
            features(gallery, parts, self._cache, progress)
            # A run that was killed has described some before: never faster than estimated.
            took = (time.monotonic() - started) / estimates.of_describing(len(gallery)).seconds
            write_whole(target, json.dumps({"slower": max(1.0, took)}))

        return Step(
            BEFORE,
            f"{len(self._images.judged)} images of "
            f"{len({product_of(p) for p in self._images.judged})} products held out, among "
            f"{len(gallery)}",
            (target,),
            lambda: text_sha256(contents_of(gallery), self._start_sha256()),
            run,
            estimates.of_describing(len(gallery)),
        )

    def _embedder(self) -> Step:
        recipe, images = self._within(1.0)

        def run(callbacks: Callbacks) -> None:
            slower = self._slower()
            recipe, images = self._within(slower)
            if (recipe, images) != self._within(1.0):
                callbacks.note(
                    f"{slower:.1f} times the estimated time: {recipe.learning.epochs} epochs of "
                    f"{len(images.learned)} images"
                )
            parts = {TRAIN: images.learned, "validation": images.choosing}
            trained = train_embedder(
                ListedDataset(self.tuning.data[0].resolve().name, self.tuning.data[0], parts, {}),
                self.out / EMBEDDER,
                recipe,
                self._start,
                splits=Splits(train=TRAIN, validation="validation"),
                cache=self._cache,
                callbacks=callbacks,
            )
            store_halved(trained.model, self._model)

        def inputs() -> str:
            recipe, images = self._within(self._slower())
            known = replace(recipe, network=replace(recipe.network, weights=""))
            all_of = [*images.learned, *images.choosing]
            return text_sha256(repr(known), contents_of(all_of), self._start_sha256())

        left = len(self._images.learned) - len(images.learned)
        return Step(
            EMBEDDER,
            f"{len(images.learned)} images of {len({product_of(p) for p in images.learned})} "
            f"products, {recipe.learning.epochs} epochs"
            + (f"; no time for {left} other images" if left else ""),
            served_files(self._model),
            inputs,
            run,
            estimates.of_tuning(recipe, len(images.learned)),
            needs=(BEFORE,),
        )

    def _after(self) -> Step:
        target = self.out / "held-out.json"

        def run(callbacks: Callbacks) -> None:
            progress = callbacks.progress("describing")
            seed = self._recipes[0].seed
            gain = gain_of(self._start, self._tuned, self._images, self._cache, progress, seed)
            require_gain(gain)
            callbacks.note(f"held-out products: {gain.text()}")
            write_whole(target, json.dumps(asdict(gain), indent=1))

        return Step(
            AFTER,
            "the same: refused unless they are found better",
            (target,),
            lambda: text_sha256(
                contents_of(self._images.gallery), self._start_sha256(), file_sha256(self._model)
            ),
            run,
            estimates.of_describing(len(self._images.gallery)),
            needs=(BEFORE, EMBEDDER),
        )

    def _slower(self) -> float:
        return float(json.loads((self.out / "before.json").read_text("utf-8"))["slower"])

    def _start_sha256(self) -> str:
        weights = find_weights(self._recipes[0].network, self.tuning.start)
        return "" if weights is None else file_sha256(weights)
