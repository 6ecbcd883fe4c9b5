"""The queue before the models: what waits is described at once, what is too much is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.timings import Stopwatch
from engine.types import RGBImage
from online.service.describing import Describing
from online.service.metrics import Metrics
from online.service.problems import RequestError
from online.service.served import ServedGalleries
from tests.drawn_catalogue import package


def test_photos_that_wait_are_described_together_as_they_are_alone(gallery: Path) -> None:
    images = [RGBImage(package(name, at)) for name in ("jar", "stick") for at in range(5)]

    async def described() -> list[bytes]:
        opened = ServedGalleries({"g": str(gallery)}, 10**8, ()).get()
        describing = Describing(64, 4, Metrics())
        describing.start()
        tasks = [
            asyncio.create_task(describing.describe(opened, image, None, Stopwatch()))
            for image in images
        ]
        tasks[3].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await describing.stop()
        assert isinstance(found.pop(3), asyncio.CancelledError)
        alone = [opened.searcher.describe(image).description for image in images]
        del alone[3]
        for one, expected in zip(found, alone, strict=True):
            vector = one.description.embedding.vector  # type: ignore[union-attr]
            assert vector == pytest.approx(expected.embedding.vector, abs=1e-5)
        return []

    asyncio.run(described())


@pytest.mark.parametrize(
    ("most", "sizes", "batches"),
    # 1; 2 and 1; then 6 and 1, or 4, 2 and 1
    [(1, (1,), 11), (6, (1, 2, 4, 6), 5), (8, (1, 2, 4, 8), 6)],
)
def test_photos_are_described_in_few_numbers(
    gallery: Path, most: int, sizes: tuple[int], batches: int
) -> None:
    async def counted() -> float:
        opened = ServedGalleries({"g": str(gallery)}, 10**8, ()).get()
        metrics = Metrics()
        describing = Describing(64, most, metrics)
        assert describing.sizes == sizes
        describing.start()
        image = RGBImage(package("jar", 0))
        for count in (1, 3, 7):
            photos = [describing.describe(opened, image, None, Stopwatch()) for _ in range(count)]
            await asyncio.gather(*photos)
        await describing.stop()
        (family,) = metrics.batches.collect()
        return next(one.value for one in family.samples if one.name.endswith("_count"))

    assert asyncio.run(counted()) == batches


def test_more_photos_than_there_is_room_for_are_refused_until_there_is() -> None:
    describing = Describing(3, 4, Metrics())
    with describing.admitted(2):
        with pytest.raises(RequestError) as refused, describing.admitted(2):
            pass
        assert refused.value.status == 503 and refused.value.retry_after
        with describing.admitted(1):
            pass
    with describing.admitted(3):
        pass
