"""`packsight train whitening` from a gallery to a query in a whitened one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, FingerprintError
from engine.galleries import open_gallery
from offline.ingest import ingest
from offline.train.whitening.pairs import read_pairs
from offline.train.whitening.recipe import WhiteningRecipe
from offline.train.whitening.training import read_vectors, train_whitening
from online.query import query
from tests.drawn_catalogue import write_catalogue
from tests.engine.made_descriptions import described, entry, manifest
from tests.packsight_command import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whitening") / "catalogue"
    write_catalogue(folder)
    return folder


@pytest.fixture(scope="module")
def gallery(catalogue: Path) -> Path:
    folder = catalogue.parent / "gallery"
    ingest(catalogue, folder, overrides=["segment.name=whole"])
    return folder


def test_a_whitened_gallery_is_shorter_and_still_finds_its_own(
    catalogue: Path, gallery: Path, tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "whitening.npz"
    flags = ["--gallery", str(gallery), "--out", str(out), "--dimension", "4"]
    done = command("train", "whitening", *flags)
    assert done.code == 0 and "to 4 dimensions" in done.out, done.err
    whitened = tmp_path / "whitened"
    overrides = ["segment.name=whole", "whiten.name=fitted", f"whiten.weights={out}"]
    ingest(catalogue, whitened, overrides=overrides)
    with open_gallery(whitened) as opened:
        vectors = read_vectors(opened)
    assert vectors.rows.shape[1] == 4
    np.testing.assert_allclose(np.linalg.norm(vectors.rows, axis=1), 1, rtol=1e-5)
    photo = sorted(catalogue.rglob("*.png"))[0]
    first = query(photo, whitened).hits[0]
    assert first.record.uri.endswith(photo.name) and first.distance < 1e-3
    with pytest.raises(FingerprintError):
        query(photo, gallery, overrides=overrides)
    with pytest.raises(ConfigError, match="whitened already"):
        train_whitening(WhiteningRecipe(whitened, tmp_path / "again.npz"))


@pytest.mark.slow
def test_pca_needs_no_labels(gallery: Path, tmp_path: Path) -> None:
    fitted = train_whitening(
        WhiteningRecipe(gallery, tmp_path / "p.npz", "pca", dimension=3)
    ).artefact
    assert fitted.projection.shape[1] == 3 and "matching_pairs" not in fitted.figures


def test_what_was_fitted_is_judged_by_products_left_out(tmp_path: Path, command: Command) -> None:
    random = np.random.default_rng(0)
    with open_gallery(tmp_path / "g", manifest=manifest(6)) as made:
        for number in range(24):
            row = random.normal(size=6) + 9 * random.normal(size=6) * (number % 2)
            name = f"p{number // 2}"
            made.add([entry(f"{number}", "jar", name)], [described(row.tolist())])
    flags = ["--gallery", str(tmp_path / "g"), "--out", str(tmp_path / "w.npz")]
    done = command("train", "whitening", *flags)
    assert "mean average precision" in done.out, done.err
    assert f"packsight adapt {tmp_path / 'g'}" in done.out
    judged = train_whitening(WhiteningRecipe(tmp_path / "g", tmp_path / "w.npz")).judged
    assert judged is not None and judged.gain is not None and not judged.taken


def test_errors_are_one_line_each(gallery: Path, tmp_path: Path, command: Command) -> None:
    def refusal(*flags: str, out: str = "w.npz") -> str:
        where = ["--gallery", str(gallery), "--out", str(tmp_path / out)]
        done = command("train", "whitening", *where, *flags)
        assert done.code == 1
        return done.line

    assert "span" in refusal("--dimension", "100000", "--method", "pca")
    assert "'colour'" in refusal("--group", "colour")
    assert "between 0 and 1" in refusal("--shrinkage", "7")
    assert "must be named *.npz" in refusal(out="w.txt")
    assert "nowhere.csv: cannot be read" in refusal("--pairs", "nowhere.csv")


def test_a_file_where_the_folder_should_be_is_reported(gallery: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="another --out"):
        train_whitening(WhiteningRecipe(gallery, tmp_path / "file" / "w.npz", "pca"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["a,b,match", *lines]) + "\n")
    return path


POSITIONS = {"x": 0, "y": 1, "z": 2}


def test_pairs_are_read_by_kind(tmp_path: Path) -> None:
    pairs = read_pairs(write(tmp_path / "p.csv", "x,y,1", "y,z,0", "z,x,0"), POSITIONS)
    assert pairs.matching.tolist() == [[0, 1]]
    assert pairs.other.tolist() == [[1, 2], [2, 0]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,,1", "line 3: side b of the pair is missing"),
        (",x,1", "line 3: side a of the pair is missing"),
        ("x,q,1", "line 3: side b, 'q', is not in the gallery"),
        ("x,x,1", "line 3: pairs an image with itself"),
        ("y,x,1", "line 3: lists a pair that was there before"),
        ("x,z,yes", "line 3: match is 'yes'"),
        ("y,z,1", "no pair that does not match"),
    ],
)
def test_pairs_that_do_not_do_name_file_and_line(tmp_path: Path, line: str, expected: str) -> None:
    path = write(tmp_path / "p.csv", "x,y,1", line)
    with pytest.raises(ConfigError) as refused:
        read_pairs(path, POSITIONS)
    assert expected in str(refused.value) and "p.csv" in str(refused.value)


@pytest.mark.slow
def test_listed_pairs_are_fitted_to(gallery: Path, tmp_path: Path) -> None:
    with open_gallery(gallery) as opened:
        uris = read_vectors(opened).uris
    pairs = write(tmp_path / "p.csv", f"{uris[0]},{uris[1]},1", f"{uris[0]},{uris[-1]},0")
    run = WhiteningRecipe(gallery, tmp_path / "w.npz", pairs=pairs, dimension=1)
    fitted = train_whitening(run).artefact
    assert (fitted.figures["matching_pairs"], fitted.figures["other_pairs"]) == (1, 1)
