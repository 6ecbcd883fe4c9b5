"""What was fitted to a network fits the int8 network that was compared with it."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from engine.config import Settings, load
from stages.assemble import assemble, with_weights
from stages.profiles import read_profile
from weights.cache import shipped_path
from weights.catalog import load_catalog
from weights.checksums import digests_of


def other_network(folder: Path, *, compared: bool) -> Path:
    """The shipped segmenter as another file, with the sidecar of an int8 network."""
    shipped = shipped_path(load_catalog()["segmenter_compact"])
    model = onnx.load(str(shipped))
    model.doc_string = "another file"
    path = folder / "int8.onnx"
    onnx.save(model, str(path))
    spec = shipped.with_suffix(".toml").read_text("utf-8").partition("[input]")[2]
    path.with_suffix(".toml").write_text(
        f'[model]\nsha256 = "{digests_of(path).sha256}"\n'
        f'[source]\nfile = "x"\nsha256 = "{digests_of(shipped).sha256}"\nverified = true\n'
        f"[int8]\nimages = 1\ncompared = {str(compared).lower()}\n[input]{spec}"
    )
    return path


def settings() -> Settings:
    return load(read_profile("compact"), env={})


@pytest.mark.parametrize("compared", [True, False])
def test_the_shipped_head_serves_where_the_int8_network_was_compared(
    compared: bool, tmp_path: Path
) -> None:
    path = other_network(tmp_path, compared=compared)
    parts = assemble(with_weights(settings(), {"segmenter_compact": str(path)}))
    plain = assemble(settings())
    assert plain.describer.classifier.head is not None  # type: ignore[attr-defined]
    head = parts.describer.classifier.head  # type: ignore[attr-defined]
    assert (head is not None) == compared
    assert parts.fingerprint != plain.fingerprint


def test_weights_are_replaced_wherever_a_stage_names_them() -> None:
    found = with_weights(settings(), {"embedder_compact": "other.onnx"})
    parts = found.stage("embed").options["parts"]
    assert parts[0]["weights"] == "other.onnx"
    assert found.stage("segment") == settings().stage("segment")
    by_default = load(read_profile("classic"), env={}, flags=["segment.name=u2net"])
    assert with_weights(by_default, {"u2net": "u.onnx"}).stage("segment").options == {
        "weights": "u.onnx"
    }


def test_the_shipped_int8_networks_take_the_place_of_theirs_by_name() -> None:
    flags = [
        "segment.weights=segmenter_compact_int8",
        'embed.parts=[{name = "onnx", weights = "embedder_compact_int8"}, {name = "handcrafted"}]',
    ]
    parts = assemble(load(read_profile("compact"), env={}, flags=flags))
    assert parts.describer.classifier.head is not None  # type: ignore[attr-defined]
    assert {"segmenter_compact_int8", "embedder_compact_int8"} <= parts.weights.keys()
