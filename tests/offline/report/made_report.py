"""Reports without an evaluation: numbers drawn at random, every kind of block once."""

from __future__ import annotations

import numpy as np

from offline.report.document import (
    Bars,
    Block,
    Card,
    Cards,
    Figure,
    Group,
    Histogram,
    Lines,
    Matrix,
    Provenance,
    Report,
    Section,
    Series,
    System,
    Table,
    Text,
)
from offline.report.thumbnails import LEGEND, overlay, thumbnail

CATEGORIES = ("bottle", "cap-dropper", "compact", "jar", "palette", "roll-on", "stick")


def provenance(checksum: str = "c" * 64, seed: int = 0) -> Provenance:
    return Provenance(
        command="packsight evaluate all --data drawn --profile classic --out report",
        created="2026-11-22T00:40:00+00:00",
        versions={"packsight": "0.6.0", "python": "3.11.2", "numpy": "2.3.5"},
        machine={"processor": "drawn", "cores": "2", "memory": "8.0 GiB"},
        dataset="drawn",
        dataset_checksum=checksum,
        pictures={"queries": 40, "gallery": 120},
        seed=seed,
    )


def hit_rate(name: str, random: np.random.Generator, count: int, share: float) -> Figure:
    samples = tuple(float(one) for one in random.random(count) < share)
    value = float(np.mean(samples))
    half = 1.96 * float(np.std(samples)) / count**0.5
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Figure(name=name, value=value, low=low, high=high, samples=samples)


def retrieval(random: np.random.Generator, share: float = 0.8, count: int = 40) -> Section:
    items = tuple(f"query/{number:03}.jpg" for number in range(count))
    groups = []
    for number, name in enumerate(("product / reranked", "product / before rerank", "category")):
        figures = tuple(
            hit_rate(figure, random, count, min(1.0, share + 0.04 * more - 0.05 * (number == 1)))
            for more, figure in enumerate(("R@1", "R@5", "P@5", "mAP", "MRR"))
        )
        meaning = "The right answer is another picture of the same product." if not number else ""
        groups.append(Group(name=name, figures=figures, items=items, meaning=meaning))
    return Section(
        stage="retrieve",
        groups=tuple(groups),
        blocks=blocks(random),
        notes=("Queries without a relevant picture are left out: 2 of 42.", "Ties go by id."),
    )


def efficiency(random: np.random.Generator, slower: float = 1.0) -> Section:
    times = slower * (80 + 5 * random.random(3))
    figures = (
        Figure(
            name="a photo, median",
            value=times[0],
            low=times[0] - 4,
            high=times[0] + 4,
            better="lower",
            unit="ms",
        ),
        Figure(name="photos a second", value=1000 / times[0], unit="images/s"),
        Figure(name="gallery", value=4.5e6, better="lower", unit="bytes"),
        Figure(name="processor", value=None, better="neither", why="not measured on this machine"),
    )
    return Section(stage="efficiency", groups=(Group(name="whole query", figures=figures),))


def segmentation(random: np.random.Generator) -> Section:
    figures = (hit_rate("IoU", random, 30, 0.9), Figure(name="MAE", value=0.00042, better="lower"))
    items = tuple(f"mask/{number}.png" for number in range(30))
    return Section(
        stage="segment",
        groups=(Group(name="all pictures", figures=figures, items=items),),
        blocks=(worst(random),),
    )


def worst(random: np.random.Generator, count: int = 3) -> Cards:
    cards = []
    for number in range(count):
        pixels = random.integers(150, 255, (160, 120 + 40 * number, 3)).astype(np.uint8)
        true = np.zeros(pixels.shape[:2], np.float32)
        true[20:130, 20:90] = 1.0
        predicted = np.roll(true, 6 * number + 4, axis=1)
        shown = thumbnail(overlay(pixels, true, predicted), f"drawn/{number}.png", "masks")
        plain = thumbnail(pixels, f"drawn/{number}.png", "photo")
        lines = ("true: jar", "predicted: bottle with 0.97")
        cards.append(Card(title=f"IoU 0.{number}21", pictures=(plain, shown), lines=lines))
    return Cards(title="The worst pictures", cards=tuple(cards), note=LEGEND)


def blocks(random: np.random.Generator) -> tuple[Block, ...]:
    counts = random.integers(0, 4, (7, 7)) + np.eye(7, dtype=int) * 20
    xs = tuple(np.linspace(0, 1, 11).tolist())
    curve = tuple(np.sqrt(xs).tolist())
    low, high = (tuple(np.clip(np.array(curve) + d, 0, 1).tolist()) for d in (-0.06, 0.06))
    k = (1.0, 5.0, 10.0, 20.0)
    return (
        Text(text="What each part is worth, switched off one at a time.\n\nA second paragraph."),
        Bars(
            title="R@1 without one part",
            labels=("everything", "without routing", "without rerank", "without masks"),
            series=tuple(
                Series(
                    name=name,
                    xs=(0, 1, 2, 3),
                    ys=(0.9, 0.88, less, 0.5),
                    lows=(0.85, 0.83, less - 0.05, 0.42),
                    highs=(0.95, 0.93, less + 0.05, 0.58),
                )
                for name, less in (("product", 0.8), ("family", 0.84))
            ),
        ),
        Lines(
            title="ROC",
            x="false accepts",
            y="true accepts",
            diagonal=True,
            series=(Series(name="score", xs=xs, ys=curve, lows=low, highs=high),),
            marks=(("chosen threshold", 0.1),),
        ),
        Lines(
            title="Recall against depth",
            x="k",
            y="R@k",
            series=(
                Series(name="plain", xs=k, ys=(0.7, 0.8, None, 0.95)),
                Series(name="aligned", xs=k, ys=(0.75, 0.84, 0.93, 0.96)),
                Series(name="learned", xs=k, ys=(0.8, 0.88, 0.95, 0.98)),
            ),
        ),
        Histogram(
            title="Scores of present and absent products",
            x="score",
            edges=tuple(np.linspace(-1, 1, 21).tolist()),
            counts={
                name: tuple(np.histogram(random.normal(mean, 0.2, 400), 20, (-1, 1))[0].tolist())
                for name, mean in (("present", 0.5), ("absent", 0.0))
            },
            marks=(("threshold at 5 %", 0.3), ("threshold at 1 %", 0.42)),
        ),
        Matrix(
            title="Confusions",
            rows=CATEGORIES,
            columns=CATEGORIES,
            counts=tuple(map(tuple, counts.tolist())),
            row_axis="true",
            column_axis="predicted",
        ),
        Table(
            title="Each class",
            columns=("class", "precision", "recall", "F1", "support"),
            rows=tuple((name, "0.912", "0.884", "0.898", "64") for name in CATEGORIES),
            note="Support is the number of pictures.",
        ),
    )


def system(name: str = "classic", seed: int = 0, share: float = 0.8) -> System:
    random = np.random.default_rng(seed)
    return System(
        name=name,
        fingerprint=f"{seed:064x}",
        settings={"rerank": {"name": "contour_iou", "depth": 50}, "search": {"metric": "cosine"}},
        weights={"u2netp": "e9" * 32},
        sections=(segmentation(random), retrieval(random, share), efficiency(random)),
    )


def report(*systems: System, checksum: str = "c" * 64, seed: int = 0) -> Report:
    return Report(
        title="How well Packsight finds the drawn products",
        provenance=provenance(checksum, seed),
        systems=systems or (system(),),
    )
