"""The network that learns: pooling as served, kept statistics, frozen stages, grey, its start."""

from typing import Any

import numpy as np
import pytest

from engine.errors import ConfigError

pytestmark = pytest.mark.slow
torch: Any = pytest.importorskip("torch", reason="needs the extra `train`")


def small_trunk() -> Any:
    """Three stages with normalisation, the last two of which are pooled."""
    from weights.frameworks.nets.backbones import Staged

    nn = torch.nn

    def stage(given: int, made: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(given, made, 3, 2, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU()
        )

    torch.manual_seed(0)
    stages = {"stem": stage(3, 8), "block1": stage(8, 12), "block2": stage(12, 16)}
    return Staged(stages, ("block1", "block2"))


def embedder(pooling: str = "gem", **options: Any) -> Any:
    from offline.train.embedder.network import Embedder

    return Embedder(small_trunk(), (12, 16), pooling, 3.0, **options)


def images(count: int = 4, side: int = 32) -> Any:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "p"), [("gap", 1.0), ("mac", np.inf), ("gem", 3.0), ("gem_channel", 2.5)]
)
def test_a_pooling_computes_what_serving_computes(name: str, p: float) -> None:
    from offline.train.embedder.pooling import make_pooling
    from stages.embed._pooling import Pooling, PoolName

    maps = np.abs(np.random.default_rng(0).standard_normal((3, 7, 5, 4))).astype(np.float32)
    maps[0, 0] = 0.0
    served: PoolName = "gem" if name.startswith("gem") else name  # type: ignore[assignment]
    expected = Pooling(served, p)(maps)
    found = make_pooling(name, 7, p)(torch.from_numpy(maps)).detach().numpy()
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_gem_goes_from_the_mean_to_the_maximum() -> None:
    from offline.train.embedder.pooling import GeM

    maps = torch.tensor([[[[0.25, 1.0], [0.5, 0.25]]]])
    found = [float(GeM(1, p, fixed=True, shared=True)(maps)) for p in (1.0, 3.0, 60.0)]
    assert found[0] == pytest.approx(0.5)
    assert found[1] == pytest.approx(((0.25**3 * 2 + 1 + 0.5**3) / 4) ** (1 / 3))
    assert found[2] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(("pooling", "count"), [("gem", 1), ("gem_channel", 12)])
def test_p_learns_shared_or_per_channel(pooling: str, count: int) -> None:
    network = embedder(pooling)
    network(images()).sum().backward()
    assert network.pools[0].p.grad.shape == (count,)
    assert torch.isfinite(network.pools[0].p.grad).all()
    fixed = embedder("gem_fixed")
    assert not fixed.pools[0].p.requires_grad


@pytest.mark.parametrize("dimension", [None, 6])
def test_vectors_have_length_one(dimension: int | None) -> None:
    network = embedder(dimension=dimension).eval()
    with torch.no_grad():
        vectors = network(images())
    assert vectors.shape == (4, dimension or 28)
    assert network.dimension == (dimension or 28)
    assert vectors.norm(dim=1).numpy() == pytest.approx(np.ones(4), abs=1e-5)


def test_tokens_are_pooled_without_the_class_token() -> None:
    from offline.train.embedder.pooling import Mean, as_map

    tokens = torch.arange(2 * 4 * 3, dtype=torch.float32).reshape(2, 4, 3)
    assert torch.equal(Mean()(as_map(tokens)), tokens[:, 1:].mean(dim=1))


@pytest.mark.parametrize("learn", [False, True])
def test_statistics_are_kept_unless_they_are_to_be_learned(learn: bool) -> None:
    network = embedder(learn_statistics=learn)
    before = {k: v.clone() for k, v in network.state_dict().items() if "running" in k}
    network.train()
    network(images())
    after = network.state_dict()
    assert any(not torch.equal(v, after[k]) for k, v in before.items()) == learn


@pytest.mark.parametrize(
    ("upto", "learns"), [("none", 3), ("stem", 2), ("block1", 1), ("backbone", 0)]
)
def test_frozen_stages_do_not_learn(upto: str, learns: int) -> None:
    from offline.train.embedder.learner import freeze

    backbone = small_trunk()
    freeze(backbone, upto)
    backbone(images())[-1].sum().backward() if learns else None
    free = [stage for stage in backbone.stages.values() if stage[0].weight.grad is not None]
    assert len(free) == learns


def test_a_sequence_of_timms_freezes_by_its_parts_and_whole() -> None:
    from offline.train.embedder.learner import freeze

    nn = torch.nn
    for upto, learns in (("blocks.0", ["blocks.1", "head"]), ("blocks", ["head"])):
        backbone = nn.Module()
        backbone.network = nn.Sequential()
        backbone.network.add_module("stem", nn.Linear(1, 1))
        backbone.network.add_module("blocks", nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)))
        backbone.network.add_module("head", nn.Linear(1, 1))
        freeze(backbone, upto)
        free = {n for n, p in backbone.network.named_parameters() if p.requires_grad}
        assert free == {f"{name}.{kind}" for name in learns for kind in ("weight", "bias")}
    with pytest.raises(ConfigError, match=r"stem, blocks\.0, blocks\.1, head"):
        freeze(backbone, "blocks.2")


def test_an_unknown_stage_lists_the_valid_ones() -> None:
    from offline.train.embedder.learner import freeze

    with pytest.raises(ConfigError, match="stem, block1, block2"):
        freeze(small_trunk(), "layer9")


def test_a_network_that_sees_grey_does_not_see_colour() -> None:
    from weights.input_spec import InputSpec
    from weights.probe import model_input

    spec = InputSpec(
        32, 32, "unit", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", "nchw"
    )
    network = embedder().eval()
    network.see_grey(spec)
    red = np.zeros((1, 32, 32, 3), np.uint8)
    red[:, 8:20, 8:20] = (100, 0, 0)
    grey = np.repeat(np.rint(red @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=3)
    with torch.no_grad():
        seen = [
            network(torch.from_numpy(model_input(p, spec))) for p in (red, grey.astype(np.uint8))
        ]
    assert seen[0].numpy() == pytest.approx(seen[1].numpy(), abs=1e-3)


@pytest.mark.parametrize("drawn", [True, False])
def test_statistics_that_nobody_set_are_measured(drawn: bool) -> None:
    from offline.train.embedder.start import settle_statistics

    network = embedder().eval()
    if not drawn:  # as a folded checkpoint leaves them
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.eps = 0.0
    with torch.no_grad():
        before = network(images())
    given = images(8)
    assert settle_statistics(network, lambda a, b: given[a:b], 8, drawn=drawn)
    first = network.trunk.stages["stem"][0](given)
    statistics = network.trunk.stages["stem"][1].running_mean
    assert statistics.numpy() == pytest.approx(first.mean(dim=(0, 2, 3)).detach().numpy(), abs=1e-4)
    with torch.no_grad():
        after = network(images())
    assert torch.allclose(before, after, atol=1e-4) != drawn


def test_nothing_left_to_learn_is_an_error() -> None:
    from offline.train.embedder.learner import Learner, freeze, make_optimiser
    from offline.train.embedder.recipe import EmbedderRecipe

    learner = Learner(embedder("gap"), EmbedderRecipe(), 3)
    freeze(learner.embedder.trunk, "backbone")
    with pytest.raises(ConfigError, match="--dimension"):
        make_optimiser(learner, "adamw", 1e-3, 0.0)


def test_an_optimiser_lets_weights_decay_and_nothing_else() -> None:
    from offline.train.embedder.learner import Learner, make_optimiser
    from offline.train.embedder.recipe import EmbedderRecipe

    learner = Learner(embedder(dimension=4), EmbedderRecipe(), 3)
    groups = make_optimiser(learner, "sgd", 0.1, 0.01).param_groups
    assert [(group["lr"], group["weight_decay"]) for group in groups] == [
        (0.1, 0.01),
        (0.1, 0.0),
        (1.0, 0.0),
    ]
    assert all(parameter.dim() > 1 for parameter in groups[0]["params"])
    assert len(groups[2]["params"]) == 2


def test_the_centres_of_a_class_loss_learn_faster() -> None:
    from offline.train.embedder.learner import Learner, make_optimiser
    from offline.train.embedder.recipe import EmbedderRecipe, LearningRecipe

    recipe = EmbedderRecipe(learning=LearningRecipe(loss="arcface"))
    groups = make_optimiser(Learner(embedder("gap"), recipe, 3), "adamw", 0.1, 0.01).param_groups
    assert [group["lr"] for group in groups if group["params"][0].shape[0] == 3] == [1.0]


@pytest.mark.parametrize("loss", ["contrastive", "triplet_hard", "multi_similarity", "arcface"])
def test_vectors_that_are_not_numbers_make_a_loss_that_is_none(loss: str) -> None:
    from offline.train.embedder.learner import Learner
    from offline.train.embedder.losses import Pairs
    from offline.train.embedder.recipe import EmbedderRecipe, LearningRecipe

    learner = Learner(embedder(dimension=4), EmbedderRecipe(learning=LearningRecipe(loss=loss)), 2)
    vectors = torch.full((4, 4), torch.nan)
    labels = torch.tensor([0, 0, 1, 1])
    equal = labels[:, None] == labels[None, :]
    found = learner.loss(vectors, Pairs(labels, equal & ~torch.eye(4, dtype=torch.bool), ~equal))
    assert torch.isnan(found)


def test_what_keeps_the_start_grows_with_the_distance_from_it_and_is_in_no_checkpoint() -> None:
    from offline.train.embedder.learner import Learner
    from offline.train.embedder.recipe import EmbedderRecipe, LearningRecipe

    recipe = EmbedderRecipe(learning=LearningRecipe(keep=2.0))
    learner = Learner(embedder("gap"), recipe, 2).train()  # as in training: statistics are kept
    given = images(4)

    def drift() -> float:
        return float(learner.drift(given, learner.embedder.pooled(given)))

    assert drift() == pytest.approx(0.0, abs=1e-5)
    with torch.no_grad():
        for parameter in learner.embedder.trunk.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    assert drift() > 0.01
    assert not any("start" in name for name in learner.state_dict())
    assert Learner(embedder("gap"), EmbedderRecipe(), 2).drift(given, None) == 0.0
