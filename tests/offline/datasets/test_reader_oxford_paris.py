"""Oxford5k and Paris6k: gt files to relevant and ignored images, boxes, unreadable files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import Relevance, open_dataset
from tests.offline.datasets.small_datasets import image, lines, write_oxford


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_oxford(tmp_path)
    return tmp_path


def test_good_and_ok_are_relevant_and_junk_is_ignored(root: Path) -> None:
    task = open_dataset(root).retrieval("original")
    assert [one.id for one in task.gallery][-2:] == ["all_souls_000004", "radcliffe_000001"]
    # Image 0 is the first query itself: the lists call it good, so it counts.
    assert task.relevance == (Relevance((0, 1, 2), (3,)),) * 2


def test_queries_lose_their_prefix_and_keep_their_box(root: Path) -> None:
    first, second = open_dataset(root).images("queries")
    assert first.path == root / "oxbuild images" / "all_souls_000000.jpg"
    assert (first.id, first.product) == ("all_souls_1", "all_souls")
    assert (first.crop, second.crop) == ((0, 2, 7, 8), (1, 2, 7, 8))


def test_paris_has_no_prefix_and_a_folder_a_landmark(tmp_path: Path) -> None:
    names = [f"paris_louvre_{number:06}" for number in (5, 6, 136)]  # 136 is unreadable
    image(*(tmp_path / "paris" / "louvre" / f"{name}.jpg" for name in names))
    lines(tmp_path / "louvre_1_query.txt", f"{names[0]} 1 1 4 4")
    for kind, listed in (("good", names[:1]), ("ok", names[2:]), ("junk", names[1:])):
        lines(tmp_path / f"louvre_1_{kind}.txt", *listed)
    task = open_dataset(tmp_path).retrieval("original")
    assert [one.id for one in task.gallery] == names[:2]
    assert task.relevance == (Relevance((0,), (1,)),)


def test_an_absent_relevant_image_is_an_error_and_an_absent_junk_one_is_not(root: Path) -> None:
    (root / "oxbuild images" / "all_souls_000003.jpg").unlink()
    assert open_dataset(root).retrieval("original").relevance[0].ignored == ()
    (root / "oxbuild images" / "all_souls_000002.jpg").unlink()
    with pytest.raises(ConfigError, match=r"_ok\.txt: line 1: .*all_souls_000002"):
        open_dataset(root)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("1_query", "oxc1_all_souls_000000 1 2 3", r"line 1: not `name x1 y1 x2 y2`"),
        ("1_query", "", r"line 1: not `name x1 y1 x2 y2`"),
        ("1_query", "oxc1_all_souls_000000 1 2 1 9", "line 1: .* is empty"),
        ("1_query", "oxc1_all_souls_000000 1 2 nan 9", "line 1: .* not four numbers"),
        ("2_query", "oxc1_gone 1 2 3 4", "line 1: the image gone is not there"),
        ("2_good", "all_souls_000003", "line 1: all_souls_000003 is in all_souls_2_junk.txt"),
    ],
)
def test_a_faulty_file_is_named(root: Path, file: str, text: str, complaint: str) -> None:
    lines(root / "gt" / f"all_souls_{file}.txt", text)
    with pytest.raises(ConfigError, match=rf"all_souls_{file}\.txt: {complaint}"):
        open_dataset(root)


def test_a_missing_list_is_named_and_an_empty_one_is_fine(root: Path) -> None:
    ok = root / "gt" / "all_souls_1_ok.txt"
    ok.write_text("")
    assert open_dataset(root).retrieval("original").relevance[0].relevant == (0, 1)
    ok.unlink()
    with pytest.raises(ConfigError, match=r"all_souls_1_ok\.txt"):
        open_dataset(root)


def test_two_copies_of_an_image_and_two_gt_folders_are_refused(root: Path) -> None:
    image(root / "copy" / "all_souls_000000.jpg")
    with pytest.raises(ConfigError, match="all_souls_000000"):
        open_dataset(root)
    lines(root / "other" / "all_souls_1_query.txt", "oxc1_all_souls_000000 1 2 3 4")
    with pytest.raises(ConfigError, match="needs one folder"):
        open_dataset(root)
