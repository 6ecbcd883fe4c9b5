"""The reranker that comes with the package and fits profile classic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from engine.galleries import open_gallery
from offline import ingest
from online import query
from stages.assemble import assemble
from stages.open_settings import settings_for
from stages.rerank._artefact import read_reranker, reranker_path
from stages.rerank.learned import Learned
from tests.drawn_catalogue import package, save, write_catalogue

SHIPPED = ["rerank.name=learned", "rerank.weights=rerank_classic"]


def test_it_fits_the_profile_that_it_was_trained_for() -> None:
    """A change of classic's description must come with a reranker that was trained anew, but for
    one that few images have: own alpha, a closer look, the size of a large JPEG; and for keypoints,
    which it does not see."""
    parts = assemble(settings_for(None, profile="classic", overrides=SHIPPED))
    assert isinstance(parts.reranker, Learned)
    artefact = read_reranker(reranker_path("rerank_classic"))
    few = ("alpha", "closer_look", "drafted")
    without = [f"images.{name}=false" for name in few]
    before = settings_for(None, profile="classic", overrides=without)
    assert artefact.described == assemble(before).looks_fingerprint
    assert parts.reranker.top_n == artefact.top_n == 20
    assert artefact.share > 0


def test_its_card_says_what_its_file_says() -> None:
    file = reranker_path("rerank_classic")
    card = file.with_suffix(".md").read_text("utf-8")
    for found in read_reranker(file).nested:
        assert f"{found.before.recall:.3f} | {found.after.recall:.3f}" in card.replace("  ", " ")


def test_a_gallery_of_classic_is_searched_with_it(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "data")
    ingest(tmp_path / "data", tmp_path / "gallery", profile="classic", workers=1)
    photo = save(tmp_path / "photo.png", package("jar", 1, view=4))
    plain = query(photo, tmp_path / "gallery", k=6)
    learned = query(photo, tmp_path / "gallery", k=6, overrides=SHIPPED)
    assert {hit.record.product_id for hit in learned.hits} == {
        hit.record.product_id for hit in plain.hits
    }
    assert all(hit.why.startswith("learned reranker") for hit in learned.hits)
    with open_gallery(tmp_path / "gallery") as gallery:
        assert gallery.check() == []


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rerank_classic").write_text("mine")
    assert reranker_path("rerank_classic") == Path("rerank_classic")
    assert reranker_path("elsewhere/rerank_classic") == Path("elsewhere/rerank_classic")
    with pytest.raises(WeightsError, match="not a learned reranker"):
        read_reranker(reranker_path("rerank_classic"))


RECORDED = [
    -2.637892984,
    -1.031153898,
    -2.717227766,
    -3.616306005,
    -2.98523294,
    -2.869104511,
    -2.184907923,
    -2.27012354,
    -1.393908186,
    -1.53383705,
    -2.627924526,
    -1.742620941,
    -3.375673132,
    -2.863665995,
    -2.396919412,
    -3.300616653,
]


def test_it_keeps_the_values_and_order_of_its_trees_in_json() -> None:
    """Recorded before the trees became ONNX: float64 then, float32 now."""
    scorer = read_reranker(reranker_path("rerank_classic")).scorer
    drawn = np.random.default_rng(3).normal(size=(len(RECORDED), len(scorer.features)))
    rows = np.round(np.array(scorer.means) + np.array(scorer.scales) * 1.5 * drawn, 6)
    found = scorer.log_odds(rows)
    np.testing.assert_allclose(found, RECORDED, atol=5e-6)
    np.testing.assert_array_equal(np.argsort(-found), np.argsort(-np.array(RECORDED)))
