"""The small networks of profile `compact` as steps: masks of a teacher, segmenter, embedder,
category head, settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from engine.config import Settings, overlay
from engine.errors import ConfigError
from engine.files import file_sha256, write_whole
from engine.user_folders import expanded
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.datasets.joined import joined
from offline.prepare import estimates
from offline.prepare.settings_file import settings_step
from offline.prepare.steps import Plan, Step, text_sha256, whole_steps
from offline.train.category_head.recipe import HeadRecipe
from offline.train.category_head.training import train_category_head
from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.embedder.training import MODEL as EMBEDDER_FILE
from offline.train.embedder.training import train_embedder
from offline.train.recipe_file import Tables, recipe_of_table
from offline.train.run import Callbacks, Splits
from offline.train.segmenter.recipe import SegmenterRecipe
from offline.train.segmenter.teacher import write_teacher_masks
from offline.train.segmenter.training import MODEL as SEGMENTER_FILE
from offline.train.segmenter.training import train_segmenter
from weights.sidecar import sidecar_path

SETTINGS = "compact.toml"
HEADER = "Small networks, written by packsight train compact."
TEACHER, SEGMENTER, EMBEDDER, HEAD = "teacher", "segmenter", "embedder", "category-head"
_Recipe = TypeVar("_Recipe")
TAUGHT = "taught.json"  # in the teacher's folder, when it is whole


@dataclass(frozen=True)
class Request:
    """``data``: labelled images, with masks or without; ``recipes``: a table a trainer, and
    ``data`` with the ``splits`` that are learned; ``base``: the profile with the user's settings
    over it; ``teacher``: a U²-Net, by name or file, that makes the masks of images without."""

    out: Path
    data: tuple[Path, ...]
    recipes: Tables
    base: Settings
    teacher: str = "u2netp"


def plan_compact(request: Request) -> Plan:
    """What is to be made, of what, and what there is; changes nothing.

    Raises ConfigError for data and recipes that would fail later on.
    """
    making = _Making(request, expanded(request.out).absolute())
    steps = making.steps()
    return Plan(making.out, steps, whole_steps(making.out, steps))


@dataclass(frozen=True)
class _Making:
    request: Request
    out: Path

    def steps(self) -> tuple[Step, ...]:
        taught = (self._teacher(),) if self._bare else ()
        made = (*taught, self._segmenter(), self._embedder(), self._head())
        needs = tuple(step.name for step in made)
        return (*made, settings_step(self.out / SETTINGS, self._settings, HEADER, needs))

    @cached_property
    def _datasets(self) -> list[Dataset]:
        return [open_dataset(folder) for folder in self.request.data]

    @property
    def _splits(self) -> list[str]:
        return [str(name) for name in self.request.recipes.get("data", {}).get("splits", ())]

    def _images(self, dataset: Dataset) -> list[DatasetImage]:
        """Those that are learned, each once."""
        names = [name for name in self._splits if name in dataset.splits]
        if not names:
            raise ConfigError(
                f"{dataset.root}: has none of the splits {', '.join(self._splits)}.",
                remedy="Give such a data set, or other splits in the recipe.",
            )
        return list({p.id: p for name in names for p in dataset.images(name)}.values())

    @cached_property
    def _masked(self) -> list[Dataset]:
        return [one for one in self._datasets if any(p.mask for p in self._images(one))]

    @cached_property
    def _bare(self) -> list[Dataset]:
        return [one for one in self._datasets if one not in self._masked]

    @property
    def _settings(self) -> Settings:
        """The profile with this folder's files."""
        tables = {
            "segment": {"weights": str(self._file(SEGMENTER, SEGMENTER_FILE))},
            "embed": {"weights": str(self._file(EMBEDDER, EMBEDDER_FILE))},
            "classify": {"head": str(self._head_file)},
        }
        return overlay(self.request.base, tables, "packsight train compact")

    @property
    def _head_file(self) -> Path:
        return self.out / "categories.json"

    def _file(self, step: str, name: str) -> Path:
        return self.out / step / name

    # The steps --------------------------------------------------------------------------------

    def _teacher(self) -> Step:
        images = [image for dataset in self._bare for image in self._images(dataset)]
        folder, teacher = self.out / TEACHER, self.request.teacher
        tables = {
            "segment": {"name": "u2net", "weights": teacher},
            "trust": {"name": "calibrated", "weights": "photos"},
            "matting": {"name": "none"},
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
            lambda: _hash(teacher, _contents(images)),
            run,
            estimates.of_teaching(len(images)),
        )

    def _segmenter(self) -> Step:
        folders = [dataset.root for dataset in self._masked]
        taught = (TEACHER,) if self._bare else ()
        recipe = self._recipe(
            SegmenterRecipe, SEGMENTER, data=(*folders, *(self.out / one for one in taught))
        )
        images = [image for dataset in self._masked for image in self._images(dataset)]

        def run(callbacks: Callbacks) -> None:
            train_segmenter(recipe, self.out / SEGMENTER, callbacks)

        return Step(
            SEGMENTER,
            f"{len(images)} images with masks" + (", and the teacher's" if taught else ""),
            _files(self._file(SEGMENTER, SEGMENTER_FILE)),
            lambda: _hash(repr(recipe), _contents(images), *self._made(taught)),
            run,
            estimates.of_segmenter(recipe, len(images)),
            needs=taught,
        )

    def _embedder(self) -> Step:
        table = dict(self.request.recipes.get(EMBEDDER, {}))
        splits = Splits(", ".join(self._splits), hold_out=table.pop("hold_out", "family"))
        recipe = recipe_of_table(EmbedderRecipe, table, f"[{EMBEDDER}]")
        dataset = joined(self._datasets)
        images = [image for one in self._datasets for image in self._images(one)]

        def run(callbacks: Callbacks) -> None:
            train_embedder(
                dataset,
                self.out / EMBEDDER,
                recipe,
                self._settings,
                splits=splits,
                callbacks=callbacks,
            )

        return Step(
            EMBEDDER,
            f"{len(images)} images of {len({p.product for p in images})} products",
            _files(self._file(EMBEDDER, EMBEDDER_FILE)),
            lambda: _hash(repr(recipe), repr(splits), _contents(images), *self._made((SEGMENTER,))),
            run,
            estimates.of_embedder(recipe, len(images)),
            needs=(SEGMENTER,),
        )

    def _head(self) -> Step:
        given = {
            "data": tuple(dataset.root for dataset in self._masked),
            "out": self._head_file,
            "splits": tuple(n for n in self._splits if any(n in d.splits for d in self._masked)),
            "cache": self.out / "described",
        }
        recipe = self._recipe(HeadRecipe, HEAD, **given)
        images = [image for dataset in self._masked for image in self._images(dataset)]
        settings = overlay(self._settings, {"classify": {"head": ""}}, "no head yet")

        def run(callbacks: Callbacks) -> None:
            train_category_head(recipe, settings, callbacks.progress("describing"))

        return Step(
            HEAD,
            f"{len(images)} images of {len({p.category for p in images})} categories",
            (self._head_file,),
            lambda: _hash(repr(recipe), _contents(images), *self._made((SEGMENTER, EMBEDDER))),
            run,
            estimates.of_describing(len(images)),
            needs=(SEGMENTER, EMBEDDER),
        )

    def _recipe(self, recipe: type[_Recipe], name: str, **given: object) -> _Recipe:
        table = self.request.recipes.get(name, {})
        return recipe_of_table(recipe, table, f"[{name}]", **given)

    def _made(self, steps: Sequence[str]) -> list[str]:
        """Digests of what these steps left."""
        first = {
            TEACHER: self.out / TEACHER / TAUGHT,
            SEGMENTER: self._file(SEGMENTER, SEGMENTER_FILE),
            EMBEDDER: self._file(EMBEDDER, EMBEDDER_FILE),
        }
        return [file_sha256(first[name]) for name in steps]


def _files(model: Path) -> tuple[Path, ...]:
    return model, sidecar_path(model), model.with_name("card.md")


def _contents(images: Sequence[DatasetImage]) -> str:
    """Which images they are, as far as names and sizes tell: to read them all takes minutes."""
    return _hash(*(f"{image.id} {image.path.stat().st_size}" for image in images))


def _hash(*parts: str) -> str:
    return text_sha256("\n".join(parts))
