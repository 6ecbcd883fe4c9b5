"""The choice of a backbone's layers: by name, shallow to deep, or the coarsest two grids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import WeightsError
from weights.frameworks.layers import choose_layers, coarsest_layers

VALID = ("stem", "layer1", "layer2", "layer3", "layer4")


@given(st.lists(st.sampled_from(VALID), min_size=1))
def test_layers_come_shallow_to_deep_and_once(asked: list[str]) -> None:
    chosen = choose_layers("resnet50", VALID, asked)
    assert set(chosen) == set(asked)
    assert [VALID.index(name) for name in chosen] == sorted({VALID.index(name) for name in asked})


def test_without_a_wish_the_last_layer_is_taken() -> None:
    assert choose_layers("resnet50", VALID, ()) == ("layer4",)


def test_a_layer_that_does_not_exist_lists_the_valid_ones() -> None:
    with pytest.raises(WeightsError, match=r"'layer5', 'top'") as raised:
        choose_layers("resnet50", VALID, ["layer5", "layer4", "top"])
    assert "stem, layer1, layer2, layer3, layer4" in str(raised.value)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ({"stem": 56, "layer1": 56, "layer2": 28, "layer3": 14, "layer4": 7}, ("layer3", "layer4")),
        ({"block3": 14, "block4": 14, "block5": 7, "conv_last": 7}, ("block4", "conv_last")),
        ({"conv5_3": 14, "pool5": 7}, ("conv5_3", "pool5")),
        ({"blocks.0": 16, "blocks.1": 16, "last": 16}, ("last",)),
        ({"blocks.0": 0, "blocks.1": 0, "last": 0}, ("last",)),  # tokens have no side
        ({"blocks.0": 14, "last": 0}, ("last",)),
        ({"only": 7}, ("only",)),
    ],
)
def test_the_last_layer_of_each_of_the_two_coarsest_grids_is_the_default(
    sides: dict[str, int], expected: tuple[str, ...]
) -> None:
    assert coarsest_layers(sides) == expected
