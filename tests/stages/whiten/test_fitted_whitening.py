"""The whitening that serves: applied as fitted, refused where it does not belong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings, load
from engine.errors import ConfigError, WeightsError
from engine.protocols import Embedder
from engine.types import Cutout, FloatArray
from stages.assemble import assemble, assemble_embedding
from stages.context import BuildContext
from stages.whiten import fitted, none
from weights.whitening_artefact import VERSION, WhiteningArtefact, read_whitening


class Numbers:
    """Gives the cutouts' first pixels as vectors."""

    normalised = False
    dimension = 3

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        rows = [cutout.pixels[0, 0] for cutout in cutouts]
        return np.array(rows, np.float32).reshape(-1, 3)


def artefact(embedding: str = "", size: int = 3) -> WhiteningArtefact:
    mean = np.arange(size, dtype=np.float32)
    projection = np.random.default_rng(0).normal(size=(size, 2)).astype(np.float32)
    tables = {"embed": {"name": "handcrafted"}}
    return WhiteningArtefact(mean, projection, "learned", embedding, tables, {"pictures": 7.0})


def written(folder: Path, made: WhiteningArtefact) -> Path:
    path = folder / "whitening.npz"
    made.write(path)
    return path


def cutouts(count: int = 4) -> list[Cutout]:
    random = np.random.default_rng(1)
    alpha = np.ones((1, 1), np.float32)
    return [
        Cutout(random.integers(0, 256, (1, 1, 3), np.uint8), alpha, (0, 0, 1, 1))
        for _ in range(count)
    ]


def built(path: Path, embedding: str = "", **options: object) -> Embedder:
    chosen = fitted.Options.model_validate({"weights": str(path), **options})
    context = BuildContext(embedding=frozenset({embedding} if embedding else ()))
    return fitted.build(chosen, context).around(Numbers())


def test_vectors_are_centred_projected_and_of_length_1(tmp_path: Path) -> None:
    made = artefact()
    embedder = built(written(tmp_path, made))
    rows = embedder.embed(cutouts())
    expected = (Numbers().embed(cutouts()) - made.mean) @ made.projection
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, expected, rtol=1e-5)
    assert (embedder.dimension, embedder.normalised) == (2, True)
    assert isinstance(embedder, Embedder)


def test_a_row_is_the_same_alone_and_among_others(tmp_path: Path) -> None:
    embedder = built(written(tmp_path, artefact()))
    given = cutouts(20)
    alone = np.concatenate([embedder.embed([one]) for one in given])
    np.testing.assert_array_equal(embedder.embed(given), alone)
    assert embedder.embed([]).shape == (0, 2)


def test_fewer_axes_are_the_first_ones(tmp_path: Path) -> None:
    path = written(tmp_path, artefact())
    one_axis = built(path, dimension=1)
    assert one_axis.dimension == 1
    np.testing.assert_allclose(np.abs(one_axis.embed(cutouts())), 1)
    with pytest.raises(ConfigError, match=r"whiten\.dimension = 3: .* has 2 axes"):
        built(path, dimension=3)


def test_vectors_of_another_dimension_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"5 dimensions.*3"):
        built(written(tmp_path, artefact(size=5)))


def test_vectors_of_other_stages_are_refused_unless_that_is_wanted(tmp_path: Path) -> None:
    path = written(tmp_path, artefact("a" * 64))
    with pytest.raises(ConfigError, match=r"\[embed\] name = 'handcrafted'.*any_embedding = true"):
        built(path, "b" * 64)
    assert built(path, "b" * 64, any_embedding=True).dimension == 2
    assert built(path, "a" * 64).dimension == 2


def test_none_leaves_the_embedder_alone() -> None:
    embedder = Numbers()
    assert none.build(none.Options(), BuildContext()).around(embedder) is embedder


def test_what_is_written_is_read_and_the_same_bytes_come_twice(tmp_path: Path) -> None:
    made = artefact("c" * 64)
    path = written(tmp_path, made)
    first = path.read_bytes()
    made.write(path)
    assert path.read_bytes() == first
    found = read_whitening(path)
    np.testing.assert_array_equal(found.projection, made.projection)
    np.testing.assert_array_equal(found.mean, made.mean)
    assert (found.method, found.embedding, found.figures) == ("learned", "c" * 64, made.figures)
    assert found.identity == made.identity != artefact(size=4).identity


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "facts", "pickle"])
def test_a_damaged_file_is_refused_with_the_way_out(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path, artefact())
    whole = path.read_bytes()
    objects = np.array([{"a": 1}], dtype=object)
    made = {
        "cut": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "text": lambda: path.write_text("no archive"),
        "empty": lambda: path.write_bytes(b""),
        "facts": lambda: np.savez(path, mean=np.ones(2), projection=np.ones((2, 1))),
        "pickle": lambda: np.savez(path, mean=objects, projection=objects, facts=objects),
    }
    made[damage]()
    with pytest.raises(WeightsError, match=r"whitening\.npz.*packsight train whitening"):
        built(path)


def test_a_file_that_is_not_there_and_a_later_version_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        built(tmp_path / "whitening.npz")
    path = tmp_path / "whitening.npz"
    facts = f'{{"version": {VERSION + 1}}}'
    np.savez(path, mean=np.ones(3), projection=np.ones((3, 1)), facts=np.array(facts))
    with pytest.raises(WeightsError, match=f"version {VERSION + 1}"):
        built(path)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        WhiteningArtefact(np.full(2, np.nan, np.float32), np.ones((2, 1), np.float32), "pca")


def settings(*flags: str) -> Settings:
    return load(Settings(), env={}, flags=["segment.name=whole", *flags])


def test_a_whitening_is_part_of_the_fingerprint_and_none_is_not(tmp_path: Path) -> None:
    plain = assemble(settings())
    dimension = plain.describer.embedder.dimension
    path = written(tmp_path, artefact(size=dimension))
    flags = ["whiten.name=fitted", f"whiten.weights={path}"]
    whitened = assemble(settings(*flags))
    assert whitened.fingerprint != plain.fingerprint
    assert whitened.describer.embedder.dimension == 2
    shorter = assemble(settings(*flags, "whiten.dimension=1"))
    assert shorter.fingerprint not in (plain.fingerprint, whitened.fingerprint)
    assert assemble(settings(*flags, "whiten.any_embedding=true")).fingerprint == (
        whitened.fingerprint
    )
    moved = tmp_path / "moved.npz"
    moved.write_bytes(path.read_bytes())
    by_content = assemble(settings("whiten.name=fitted", f"whiten.weights={moved}"))
    assert by_content.fingerprint == whitened.fingerprint


def test_the_stages_that_were_fitted_to_are_known_by_their_fingerprint(tmp_path: Path) -> None:
    parts = assemble_embedding(settings())
    path = written(tmp_path, artefact(parts.fingerprint, parts.embedder.dimension))
    flags = ["whiten.name=fitted", f"whiten.weights={path}"]
    assert assemble_embedding(settings(*flags)).embedder.dimension == 2
    assert assemble_embedding(settings(*flags, "route.hard=true")).embedder.dimension == 2
    with pytest.raises(ConfigError, match="other stages"):
        assemble_embedding(settings(*flags, "cutout.margin=0.2"))
    with pytest.raises(ConfigError, match="other stages"):
        assemble_embedding(settings(*flags, "embed.hog=0.1"))
