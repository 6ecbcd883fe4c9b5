"""A gallery's answers to photos of users, whose products it may hold or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from engine.curation import Curation
from engine.decisions import Judgement
from engine.errors import ImageError, StageError
from engine.files import file_sha256
from engine.protocols import Gallery
from engine.types import Description, Progress
from offline.adapt.answers import NO_IDS, Answers, Ids, answer_of, images_of_products, twice
from offline.adapt.left_out import Search
from offline.adapt.matching import Answer
from offline.datasets import DatasetImage
from offline.store.images import cropped
from stages.open_searcher import OpenSearcher


class ProductIndex:
    """The images of a gallery by product, and by content; and what people judged of photos."""

    def __init__(self, gallery: Gallery) -> None:
        with Curation.open(gallery.address) as curation:
            self._judgements: dict[str, list[Judgement]] = defaultdict(list)
            for judgement in curation.judgements():
                self._judgements[judgement.query].append(judgement)
        of_content: dict[str, set[int]] = defaultdict(set)
        for source in gallery.sources():
            of_content[source.sha256].add(source.id)
        self.products = images_of_products(gallery)
        self._contents = {sha256: frozenset(ids) for sha256, ids in of_content.items()}

    def name_of(self, photo: DatasetImage) -> str | None:
        """The product's id in the gallery; None where it is absent. What a person judged of the
        photo wins over its label. A data set may name PRODUCT what an ingest of folders named
        CATEGORY/PRODUCT."""
        judged = self._judged(photo)
        names = [one.product for one in judged if one.same and one.product in self.products]
        name = names[0] if names else self._labelled(photo)
        return None if any(one.product == name and not one.same for one in judged) else name

    def is_disputed(self, photo: DatasetImage) -> bool:
        """Whether a person judged that it does not show the product of its label, and none named
        another: whether the gallery has its product is not known."""
        return self.name_of(photo) is None and self._labelled(photo) is not None

    def _labelled(self, photo: DatasetImage) -> str | None:
        names = (photo.product or "", f"{photo.category}/{photo.product}")
        return next((name for name in names if name in self.products), None)

    def _judged(self, photo: DatasetImage) -> list[Judgement]:
        """Of the file as a whole: not where it is one of several products in it."""
        if not self._judgements or photo.crop is not None:
            return []
        try:
            return self._judgements.get(file_sha256(photo.path), [])
        except OSError:  # found again where it is read
            return []

    def copies(self, photo: DatasetImage) -> Ids:
        """The images with the same content. Raises ImageError for one that cannot be read."""
        try:
            sha256 = file_sha256(photo.path)
        except OSError as error:
            raise ImageError(str(photo.path), f"cannot be read ({error.strerror})") from None
        return self._contents.get(sha256, NO_IDS)


def photo_answers(
    opened: OpenSearcher,
    photos: Sequence[DatasetImage],
    index: ProductIndex,
    progress: Progress,
    search: Search | None = None,
) -> Answers:
    """Of each photo as a query; images of the gallery with the same content are left out. A photo
    that cannot be read or described is a line in ``faults``. ``search`` is that of the opened
    gallery unless given."""
    found, search = Answers(), search or Search(opened.searcher)
    for done, photo in enumerate(photos, start=1):
        try:
            if index.is_disputed(photo):
                raise ImageError(str(photo.path), "was judged not to show the product of its label")
            image = cropped(opened.read(photo.path), photo)
            query = opened.searcher.describe(image).description
            answers = _of_photo(search, query, photo, index)
        except (ImageError, StageError) as error:
            found.faults.append(str(error))
            continue
        finally:
            progress(done, len(photos))
        found.answers += answers
        found.present += answers[0].present
        found.absent += not answers[0].present
    return found


def _of_photo(
    search: Search, query: Description, photo: DatasetImage, index: ProductIndex
) -> list[Answer]:
    copies = index.copies(photo)
    name = index.name_of(photo)
    if name is None:
        product = photo.product or photo.id
        return [answer_of(search.serving, query, product, copies, present=False)]
    return twice(search, query, name, copies, index.products[name])
