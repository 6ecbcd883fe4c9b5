"""What every data set promises, for each reader file found in offline/datasets/readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.datasets import Dataset, dataset_kinds, missing_files, open_dataset
from tests.offline.datasets.small_datasets import WRITERS, seal

KINDS = dataset_kinds()
LISTS = (".csv", ".txt", ".pkl", ".json")
# The other kinds have no list of their images: the folder is the list.
LISTED = ("packbench", "grocerystore", "online_products", "revisited")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)  # a test may narrow the kinds by parametrising this name


@pytest.fixture
def root(kind: str, tmp_path: Path) -> Path:
    """A small data set in a folder with a blank in its name."""
    folder = tmp_path / "my data"
    WRITERS[kind](folder)
    return folder


def everything(dataset: Dataset) -> object:
    parts = {split: dataset.images(split) for split in dataset.splits}
    return parts, {name: dataset.retrieval(name) for name in dataset.protocols}


def list_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix in LISTS)


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(WRITERS) == set(KINDS)


def test_a_folder_is_recognised_and_opened_alike_with_and_without_its_kind(
    root: Path, kind: str
) -> None:
    dataset = open_dataset(root)
    assert isinstance(dataset, Dataset)
    assert dataset.root == root
    assert everything(dataset) == everything(open_dataset(str(root), kind))


def test_no_split_is_empty_and_every_file_is_there(root: Path) -> None:
    dataset = open_dataset(root)
    assert dataset.splits and all(dataset.images(split) for split in dataset.splits)
    assert missing_files(dataset) == []
    for split in dataset.splits:
        ids = [image.id for image in dataset.images(split)]
        assert len(set(ids)) == len(ids)
        assert all(root in image.path.parents for image in dataset.images(split))


def test_every_retrieval_task_has_an_answer_to_some_query(root: Path) -> None:
    dataset = open_dataset(root)
    for protocol in dataset.protocols:
        task = dataset.retrieval(protocol)
        assert len(task.unanswerable) < len(task.queries)


def test_unknown_splits_and_protocols_are_told_the_known_ones(root: Path) -> None:
    dataset = open_dataset(root)
    with pytest.raises(ConfigError, match=dataset.splits[0]):
        dataset.images("no such split")
    with pytest.raises(ConfigError, match=(dataset.protocols or ("none",))[0]):
        dataset.retrieval("no such protocol")


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing(root: Path, kind: str) -> None:
    before = everything(open_dataset(root))
    for path in list_files(root):
        if path.suffix in (".csv", ".txt"):
            windows = path.read_bytes().replace(b"\n", b"\r\n")
            path.write_bytes(b"\xef\xbb\xbf" + windows)
    if kind == "packbench":
        seal(root)
    assert everything(open_dataset(root)) == before


@pytest.mark.parametrize("kind", LISTED)
def test_absent_images_do_not_stop_the_opening_and_can_be_asked_for(root: Path) -> None:
    dataset = open_dataset(root)
    gone = dataset.images(dataset.splits[-1])[0].path
    gone.unlink()
    assert gone in missing_files(open_dataset(root))


@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_list_is_refused_or_read_but_never_a_traceback(
    root: Path, data: st.DataObject
) -> None:
    files = list_files(root)
    if not files:
        return  # its images are its list
    path = data.draw(st.sampled_from(files))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
    try:
        _open_or_refuse(root)
    finally:
        path.write_bytes(whole)


def _open_or_refuse(root: Path) -> None:
    try:
        everything(open_dataset(root))
    except ConfigError as error:
        assert str(root) in str(error)


def test_an_empty_folder_is_told_what_every_kind_expects(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_dataset(tmp_path)
    assert all(f"{kind}: " in str(caught.value) for kind in KINDS)


def test_a_folder_that_fits_two_kinds_must_be_named(tmp_path: Path) -> None:
    WRITERS["grocerystore"](tmp_path)
    WRITERS["packbench"](tmp_path)
    with pytest.raises(ConfigError, match="grocerystore, packbench"):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, "packbench").name == "packbench"


def test_unknown_kinds_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no_kind.*packbench"):
        open_dataset(tmp_path, "no_kind")
    with pytest.raises(ConfigError, match="no such folder"):
        open_dataset(tmp_path / "nowhere")
