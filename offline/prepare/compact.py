"""The small networks of profile `compact` as steps: masks of a teacher, segmenter, embedder,
category head, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from engine.config import Settings, overlay
from engine.errors import ConfigError
from engine.files import file_sha256, write_whole
from engine.user_folders import expanded
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.joined import joined
from offline.prepare import estimates
from offline.prepare.embedder import EMBEDDER, embedder_recipe, served_files, with_embedder
from offline.prepare.half_precision import IMAGES as MOST_IMAGES
from offline.prepare.half_precision import require_same_finds
from offline.prepare.images import TRAIN, contents_of, images_of, product_of, with_train_split
from offline.prepare.settings_file import settings_step
from offline.prepare.steps import Plan, Step, text_sha256, whole_steps
from offline.train.category_head.recipe import HeadRecipe
from offline.train.category_head.training import train_category_head
from offline.train.embedder.training import MODEL as EMBEDDER_FILE
from offline.train.embedder.training import train_embedder
from offline.train.recipe_file import Tables, recipe_of_table
from offline.train.run import Callbacks
from offline.train.segmenter.recipe import SegmenterRecipe
from offline.train.segmenter.teacher import write_teacher_masks
from offline.train.segmenter.training import MODEL as SEGMENTER_FILE
from offline.train.segmenter.training import STATE, train_segmenter
from weights.export import store_halved

SETTINGS = "compact.toml"
HEADER = "Small networks, written by packsight train compact."
TEACHER, SEGMENTER, HEAD = "teacher", "segmenter", "category-head"
FIRST = "segmenter-first"  # a table of it: trained before, and what the segmenter starts from
HALF, HALF_FILE = "half precision", "half-precision.json"
TAUGHT = "taught.json"  # in the teacher's folder, when it is whole
_Recipe = TypeVar("_Recipe")


@dataclass(frozen=True)
class Request:
    """``data``: labelled images, with masks or without; ``recipes``: a table a trainer; ``base``:
    the profile with the user's settings over it; ``teacher``: a U²-Net, by name or file, that makes
    the masks of images without; ``backgrounds``: a folder of photos to put behind products."""

    out: Path
    data: tuple[Path, ...]
    recipes: Tables
    base: Settings
    teacher: str = "u2netp"
    backgrounds: Path | None = None


def plan_compact(request: Request) -> Plan:
    """What is to be made, of what, and what there is; changes nothing.

    Raises ConfigError for data and recipes that would fail later on.
    """
    valid = (TEACHER, FIRST, SEGMENTER, EMBEDDER, HEAD)
    if unknown := sorted(set(request.recipes) - set(valid)):
        raise ConfigError(
            f"recipe: [{unknown[0]}]: there is no such trainer.",
            remedy=f"Valid: {', '.join(valid)}.",
        )
    making = _Making(request, expanded(request.out).absolute())
    steps = making.steps()
    return Plan(making.out, steps, whole_steps(making.out, steps))


@dataclass(frozen=True)
class _Making:
    request: Request
    out: Path

    def steps(self) -> tuple[Step, ...]:
        taught = (self._teacher(),) if self._bare else ()
        first = (self._segmenter(FIRST),) if FIRST in self.request.recipes else ()
        networks = (*first, self._segmenter(SEGMENTER), self._embedder())
        head = (self._head(),) if self._has_head else ()
        made = (*taught, *networks, self._half(), *head)
        needs = tuple(step.name for step in made)
        return (*made, settings_step(self.out / SETTINGS, self._settings, HEADER, needs))

    @cached_property
    def _datasets(self) -> list[Dataset]:
        return [open_dataset(folder) for folder in self.request.data]

    @cached_property
    def _masked(self) -> list[Dataset]:
        return [one for one in self._datasets if any(p.mask for p in images_of(one, one.splits))]

    @cached_property
    def _bare(self) -> list[Dataset]:
        return [one for one in self._datasets if one not in self._masked]

    @property
    def _exact(self) -> list[Dataset]:
        """Those with masks, whose labels are of packages; all where none has any."""
        return self._masked or self._bare

    @cached_property
    def _has_head(self) -> bool:
        """Whether there are two categories, of two products each, to fit a head to."""
        products: dict[str | None, set[str]] = {}
        for image in self._headed[1]:
            products.setdefault(image.category, set()).add(image.product or image.id)
        return len(products) > 1 and all(len(of_one) > 1 for of_one in products.values())

    @cached_property
    def _headed(self) -> tuple[HeadRecipe, list[DatasetImage]]:
        """The head's recipe, with those of its splits that there are, and its images."""
        dataset = joined(self._exact)
        recipe = self._recipe(
            HeadRecipe,
            HEAD,
            data=tuple(one.root for one in self._exact),
            out=self._head_file,
            cache=self.out / "described",
        )
        there = tuple(split for split in recipe.splits if split in dataset.splits)
        recipe = replace(recipe, splits=there)
        return recipe, [p for p in images_of(dataset, there or dataset.splits) if p.category]

    @property
    def _settings(self) -> Settings:
        """The profile with this folder's files."""
        tables = {
            "segment": {"weights": str(self._model(SEGMENTER))},
            "embed": with_embedder(self.request.base, self._model(EMBEDDER)),
            "classify": {"head": str(self._head_file) if self._has_head else ""},
        }
        return overlay(self.request.base, tables, "packsight train compact")

    @property
    def _unlabelled(self) -> Settings:
        """Before there is a category head."""
        return overlay(self._settings, {"classify": {"head": ""}}, "no head yet")

    @property
    def _head_file(self) -> Path:
        return self.out / "categories.json"

    def _model(self, step: str) -> Path:
        """As it is served: in half precision."""
        return self.out / f"{step}.onnx"

    # The steps --------------------------------------------------------------------------------

    def _teacher(self) -> Step:
        splits = self._table(TEACHER).get("splits", ("train",))
        images = [image for dataset in self._bare for image in images_of(dataset, splits)]
        folder, teacher = self.out / TEACHER, self.request.teacher
        tables = {
            "segment": {"name": "u2net", "weights": teacher},
            "trust": {"name": "calibrated", "weights": "photos"},
        }
        settings = overlay(self.request.base, tables, "the teacher")

        def run(callbacks: Callbacks) -> None:
            taught = write_teacher_masks(images, settings, folder, callbacks.progress("segmenting"))
            for fault in taught.left_out:
                callbacks.note(fault)
            counts = {"written": taught.written, "flagged": taught.flagged}
            write_whole(folder / TAUGHT, json.dumps(counts))

        return Step(
            TEACHER,
            f"{len(images)} images without masks, {teacher}",
            (folder / TAUGHT,),
            lambda: text_sha256(teacher, contents_of(images)),
            run,
            estimates.of_teaching(len(images)),
        )

    def _segmenter(self, name: str) -> Step:
        """``FIRST`` or the one that is served."""
        needs = (TEACHER,) if self._bare else ()
        folders = (*(d.root for d in self._masked), *(self.out / one for one in needs))
        given: dict[str, object] = {"data": folders, **self._behind}
        if name == SEGMENTER and FIRST in self.request.recipes:
            needs = (*needs, FIRST)
            given["start"] = str(self.out / FIRST / STATE)
        recipe = self._recipe(SegmenterRecipe, name, **given)
        images = [image for one in self._datasets for image in images_of(one, one.splits)]
        masked = sum(image.mask is not None for image in images)

        def run(callbacks: Callbacks) -> None:
            trained = train_segmenter(recipe, self.out / name, callbacks)
            store_halved(trained.model, self._model(name))

        return Step(
            name,
            f"{masked} images with masks" + (", and the teacher's" if self._bare else ""),
            served_files(self._model(name)),
            lambda: text_sha256(repr(recipe), contents_of(images), *self._made(needs)),
            run,
            estimates.of_segmenter(recipe, len(images)),
            needs=needs,
        )

    def _embedder(self) -> Step:
        recipe, splits = embedder_recipe(self._table(EMBEDDER), **self._behind)
        dataset = joined([with_train_split(one, splits) for one in self._datasets])
        images = dataset.images(TRAIN)
        given = replace(splits, train=TRAIN)

        def run(callbacks: Callbacks) -> None:
            trained = train_embedder(
                dataset,
                self.out / EMBEDDER,
                recipe,
                self._settings,
                splits=given,
                callbacks=callbacks,
            )
            store_halved(trained.model, self._model(EMBEDDER))

        return Step(
            EMBEDDER,
            f"{len(images)} images of {len(set(map(product_of, images)))} products",
            served_files(self._model(EMBEDDER)),
            lambda: text_sha256(
                repr(recipe), repr(splits), contents_of(images), *self._made((SEGMENTER,))
            ),
            run,
            estimates.of_embedder(recipe, len(images)),
            needs=(SEGMENTER,),
        )

    def _half(self) -> Step:
        target, cache = self.out / HALF_FILE, self.out / "described"
        full = {
            "segment": {"weights": str(self.out / SEGMENTER / SEGMENTER_FILE)},
            "embed": with_embedder(self.request.base, self.out / EMBEDDER / EMBEDDER_FILE),
        }
        images = [image for one in self._exact for image in images_of(one, one.splits)]
        before = overlay(self._unlabelled, full, "float32")

        def run(callbacks: Callbacks) -> None:
            progress = callbacks.progress("describing")
            found = require_same_finds(before, self._unlabelled, images, cache, progress)
            write_whole(target, json.dumps(found))

        return Step(
            HALF,
            "what the networks find before and after",
            (target,),
            lambda: text_sha256(*self._made((SEGMENTER, EMBEDDER))),
            run,
            estimates.of_describing(2 * MOST_IMAGES),
            needs=(SEGMENTER, EMBEDDER),
        )

    def _head(self) -> Step:
        recipe, images = self._headed

        def run(callbacks: Callbacks) -> None:
            train_category_head(recipe, self._unlabelled, callbacks.progress("describing"))

        return Step(
            HEAD,
            f"{len(images)} images of {len({p.category for p in images})} categories",
            (self._head_file,),
            lambda: text_sha256(
                repr(recipe), contents_of(images), *self._made((SEGMENTER, EMBEDDER))
            ),
            run,
            estimates.of_describing(len(images)),
            needs=(HALF,),
        )

    def _table(self, name: str) -> Mapping[str, Any]:
        return self.request.recipes.get(name, {})

    def _recipe(self, recipe: type[_Recipe], name: str, **given: object) -> _Recipe:
        return recipe_of_table(recipe, self._table(name), f"[{name}]", **given)

    @property
    def _behind(self) -> dict[str, object]:
        behind = self.request.backgrounds
        return {} if behind is None else {"backgrounds": behind}

    def _made(self, steps: Sequence[str]) -> list[str]:
        """Digests of what these steps left."""
        teacher = self.out / TEACHER / TAUGHT
        return [file_sha256(teacher if s == TEACHER else self._model(s)) for s in steps]
