"""The most frequent values of attributes, of some images."""

from __future__ import annotations

from pathlib import Path

from engine.galleries.local import LocalGallery
from tests.engine.made_descriptions import described, entry, manifest


def test_the_most_frequent_values_come_first_and_long_ones_are_left_out(tmp_path: Path) -> None:
    held = [{"colour": "red"}, {"colour": "blue", "size": "50 ml"}, {"colour": "blue"}]
    held += [{"colour": "green"}, {"text": "x" * 200}, {}]
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        entries = [entry(str(at), attributes=one) for at, one in enumerate(held)]
        gallery.add(entries, [described((1, 1)) for _ in held])
        assert {
            name: list(values.items()) for name, values in gallery.attribute_values().items()
        } == {
            "colour": [("blue", 2), ("green", 1), ("red", 1)],
            "size": [("50 ml", 1)],
        }
        assert gallery.attribute_values(values=1)["colour"] == {"blue": 2}


def test_of_many_images_some_are_looked_at(tmp_path: Path) -> None:
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        assert gallery.attribute_values() == {}
        entries = [entry(str(at), attributes={"code": str(at)}) for at in range(40)]
        gallery.add(entries, [described((1, 1)) for _ in entries])
        assert len(gallery.attribute_values(images=10)["code"]) <= 10
