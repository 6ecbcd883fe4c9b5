"""The classifier of the paper's system: trained on labelled images, or copied from a local file."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError, WeightsError
from engine.files import file_sha256, replacing
from engine.user_folders import expanded
from offline.datasets import open_dataset
from offline.prepare import estimates
from offline.prepare.steps import Step, size_of, text_sha256
from offline.train.classifier.recipe import IMAGENET, ClassifierRecipe, ClassifierSplits
from offline.train.classifier.training import CARD, MODEL, labelled_images, train_classifier
from offline.train.run import Callbacks
from offline.train.training_set import Labelled
from stages.assemble import assemble_cutting
from stages.classify._artefact import artefact_path
from weights.catalog import CatalogEntry, find_entry, load_catalog
from weights.fetch import FetchPolicy
from weights.inspection import find_copies
from weights.sidecar import sidecar_path

CLASSIFIER = "classifier"


@dataclass(frozen=True)
class Training:
    """``settings`` cut the images; ``policy``: where the backbone's weights are kept."""

    data: Path
    recipe: ClassifierRecipe
    splits: ClassifierSplits
    settings: Settings
    policy: FetchPolicy


def classifier_file(out: Path, given: Path | None, data: Path | None) -> Path:
    """A given one lies beside the networks, not in the folder of a training."""
    copy = out / f"{CLASSIFIER}.onnx"
    if given is not None or (data is None and copy.is_file()):
        return copy
    return out / CLASSIFIER / MODEL


def trained_classifier(training: Training, target: Path, needs: tuple[str, ...]) -> Step:
    """Reads the images once. Raises ConfigError as the training does for images that it refuses."""
    dataset = open_dataset(training.data)
    labelled = labelled_images(dataset, training.recipe, training.splits)
    download = _start_weights(training)
    start = f"; starts from {download.filename} ({size_of(download)})" if download else ""
    count = len(labelled.train) + len(labelled.validation)

    def run(callbacks: Callbacks) -> None:
        train_classifier(
            dataset,
            target.parent,
            training.recipe,
            training.settings,
            splits=training.splits,
            callbacks=callbacks,
        )

    return Step(
        CLASSIFIER,
        f"{count} images of {len(labelled.names)} categories in {training.data}{start}",
        _trained_files(target),
        lambda: _hash(training, labelled),
        run,
        estimates.of_training(training.recipe, labelled),
        needs=needs,
        download=download,
    )


def copied_classifier(given: Path, target: Path) -> Step:
    """Raises WeightsError for what is no ONNX file."""
    model = expanded(given).absolute()
    if model.suffix != ".onnx" or not model.is_file():
        raise WeightsError(
            f"--{CLASSIFIER} {given}: is no .onnx file that is there.",
            remedy="Give the classifier.onnx that packsight train classifier leaves.",
        )
    copies = dict(zip(_beside(model), _beside(target), strict=True))
    there = {one: copy for one, copy in copies.items() if one.is_file()}

    def run(callbacks: Callbacks) -> None:
        for one, copy in reversed(copies.items()):  # the model last: it is whole with the others
            if one not in there:
                copy.unlink(missing_ok=True)  # of another classifier
                continue
            with replacing(copy) as part:
                shutil.copyfile(one, part)

    return Step(
        CLASSIFIER,
        str(model),
        tuple(there.values()),
        lambda: text_sha256("".join(map(file_sha256, there))),
        run,
        estimates.of_copy(sum(one.stat().st_size for one in there)),
    )


def earlier_classifier(target: Path) -> Step:
    """Where neither images nor a file are given: one that an earlier run left."""

    def run(callbacks: Callbacks) -> None:
        raise ConfigError("the classifier needs labelled images.", remedy="Give --data LABELLED.")

    trained = target.name == MODEL and target.parent.name == CLASSIFIER
    files = _trained_files(target) if trained else tuple(filter(Path.is_file, _beside(target)))
    return Step(CLASSIFIER, "labelled images, --data", files, lambda: "", run, estimates.of_copy(0))


def _trained_files(model: Path) -> tuple[Path, ...]:
    return model, sidecar_path(model), artefact_path(model), model.with_name(CARD)


def _beside(model: Path) -> list[Path]:
    """The model, its input, its artefact or its list of labels."""
    return [model, sidecar_path(model), artefact_path(model), model.with_suffix(".labels.txt")]


def _start_weights(training: Training) -> CatalogEntry | None:
    """What the backbone starts from, where it is to be fetched."""
    if training.recipe.weights != IMAGENET:
        return None
    entry = find_entry(training.recipe.keras_backbone.weights, load_catalog())
    return None if find_copies(entry, training.policy.cache) else entry


def _hash(training: Training, labelled: Labelled) -> str:
    """Of all that the classifier depends on, but for the content of its checkpoint."""
    images = [[sample.sha256, sample.label] for sample in (*labelled.train, *labelled.validation)]
    content = [
        asdict(training.recipe),
        assemble_cutting(training.settings).fingerprint,
        list(labelled.names),
        len(labelled.train),
        images,
        str(training.splits.unknown),
    ]
    return text_sha256(json.dumps(content, sort_keys=True))
