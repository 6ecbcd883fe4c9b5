"""The calibrated trust: its probabilities, its second look, and files that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from stages.context import BuildContext, StageIdentity
from stages.trust._features import EARLIER, NAMES
from stages.trust._model import Segmenter, TrustModel
from stages.trust.calibrated import CalibratedTrust, Options, build
from tests.stages.trust.trust_models import trust_model

GRABCUT = StageIdentity("grabcut")


class Fixed:
    """Gives the same fraction of every image, from the left; counts its calls."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.asked = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.asked += len(images)
        mattes = []
        for image in images:
            alpha = np.zeros((image.height, image.width), np.float32)
            alpha[:, : round(self.share * image.width)] = 1.0
            mattes.append(Matte(alpha))
        return mattes


def image(height: int = 40, width: int = 50) -> RGBImage:
    return RGBImage(np.full((height, width, 3), 90, np.uint8))


def boxed(x1: int, y1: int, x2: int, y2: int) -> Matte:
    alpha = np.zeros((40, 50), np.float32)
    alpha[y1:y2, x1:x2] = 1.0
    return Matte(alpha)


def saved(folder: Path, model: TrustModel) -> str:
    path = folder / "trust.toml"
    path.write_text(model.text(), "utf-8")
    return str(path)


def built(folder: Path, model: TrustModel, **options: object) -> CalibratedTrust:
    chosen = Options.model_validate({"weights": saved(folder, model), **options})
    return build(chosen, BuildContext(segmenter=GRABCUT))


def test_a_probability_is_that_of_the_regression(tmp_path: Path) -> None:
    trust = built(tmp_path, trust_model(border=-4.0))
    inner, outer = boxed(10, 10, 30, 30), boxed(0, 0, 50, 40)
    found = trust.trust([image(), image()], [inner, outer], Fixed(1.0))
    np.testing.assert_allclose(found, [0.5, 1 / (1 + np.exp(4.0))], atol=1e-6)


def test_a_file_of_the_earlier_features_gives_the_trust_that_it_gave(tmp_path: Path) -> None:
    mattes, images = [boxed(10, 10, 30, 30), boxed(0, 0, 50, 40)], [image(), image()]
    for second_look in (False, True):
        *earlier, now = (
            built(tmp_path, trust_model(names=names), second_look=second_look).trust(
                images, mattes, Fixed(1.0)
            )
            for names in (*EARLIER, NAMES)
        )
        for one in earlier:
            np.testing.assert_array_equal(one, now)


def test_the_files_of_photos_trust_a_carton_more_than_the_arm_that_holds_it() -> None:
    """The carton alone, and at the end of an arm that comes from the frame's edge."""
    pixels = np.full((300, 300, 3), (60, 60, 70), np.uint8)
    pixels[40:240, 110:190] = (230, 235, 240)
    pixels[160:190, 110:140] = pixels[200:300, 0:110] = (190, 130, 95)
    alone, with_arm = np.zeros((2, 300, 300), np.float32)
    alone[40:240, 110:190] = with_arm[40:240, 110:190] = with_arm[200:300, 0:110] = 1.0
    u2netp = StageIdentity("u2net", weights={"u2netp": ""})
    for segmenter, weights in ((GRABCUT, "photos"), (u2netp, "photos"), (u2netp, "photos-print")):
        trust = build(Options(weights=weights), BuildContext(segmenter=segmenter))
        pairs = [RGBImage(pixels)] * 2, [Matte(alone), Matte(with_arm)]
        carton, arm = trust.trust(*pairs, Fixed(1.0)).tolist()
        assert carton > trust.threshold and arm < carton - 0.1
    assert arm < trust.threshold  # of U²-Netp's masks


def test_an_empty_matte_is_never_believed(tmp_path: Path) -> None:
    trust = built(tmp_path, trust_model(), second_look=True)
    segmenter = Fixed(0.0)
    assert trust.trust([image()], [boxed(0, 0, 0, 0)], segmenter).tolist() == [0.0]
    assert segmenter.asked == 0


@pytest.mark.parametrize(
    ("second_look", "asked"), [(False, 0), (True, 3), ("doubtful", 1)], ids=str
)
def test_who_is_looked_at_twice_is_an_option(
    tmp_path: Path, second_look: bool | str, asked: int
) -> None:
    """Of a mask off the border the first look gives 0.5, which is doubtful."""
    trust = built(tmp_path, trust_model(), second_look=second_look)
    mattes = [boxed(0, 0, 50, 40), boxed(10, 10, 30, 30), boxed(0, 0, 50, 38)]
    segmenter = Fixed(1.0)
    trust.trust([image()] * 3, mattes, segmenter)
    assert segmenter.asked == asked


def test_a_mask_that_stays_is_believed_more_than_one_that_does_not(tmp_path: Path) -> None:
    trust = built(tmp_path, trust_model(agreement=6.0), second_look=True)
    whole, left = boxed(0, 0, 50, 40), boxed(0, 0, 20, 40)
    stays = trust.trust([image()], [whole], Fixed(1.0))[0]
    moves = trust.trust([image()], [left], Fixed(0.4))[0]  # the mirror image's left is its right
    assert stays == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)
    assert moves < 0.2


def test_in_place_of_a_mask_stands_its_box_nothing_or_the_mask_itself(tmp_path: Path) -> None:
    mask = boxed(10, 10, 30, 30).alpha.copy()
    mask[12:14, 12:14] = 0.0
    mask[35, 45] = 1.0  # a crumb
    by_box = built(tmp_path, trust_model()).instead(image(*mask.shape), Matte(mask))
    np.testing.assert_array_equal(by_box.alpha, boxed(10, 10, 30, 30).alpha)
    empty = boxed(0, 0, 0, 0)
    assert (
        built(tmp_path, trust_model()).instead(image(*empty.alpha.shape), empty).alpha.max() == 0.0
    )
    whole = built(tmp_path, trust_model(), instead="whole").instead(image(*mask.shape), Matte(mask))
    assert whole.alpha.max() == 0.0
    kept = built(tmp_path, trust_model(), instead="mask").instead(image(*mask.shape), Matte(mask))
    np.testing.assert_array_equal(kept.alpha, mask)


def test_without_skin_the_hand_beside_a_product_is_left_out(tmp_path: Path) -> None:
    pixels = np.full((40, 50, 3), 90, np.uint8)
    pixels[10:30, 10:25], pixels[20:40, 25:45] = (20, 80, 190), (198, 134, 96)
    mask = boxed(10, 10, 25, 30).alpha.copy()
    mask[20:40, 25:45] = 1.0
    trust = built(tmp_path, trust_model(), instead="without_skin")
    found = trust.instead(RGBImage(pixels), Matte(mask)).alpha
    assert (found[10:30, 10:25] == 1.0).all() and (found[20:40, 25:45] == 0.0).all()
    assert found[12, 40] == 0.5 and found[5, 5] == 0.0


def test_a_product_of_the_colour_of_skin_is_cut_out_by_its_box(tmp_path: Path) -> None:
    kraft = RGBImage(np.full((40, 50, 3), (198, 150, 110), np.uint8))
    trust = built(tmp_path, trust_model(), instead="without_skin")
    found = trust.instead(kraft, boxed(10, 10, 25, 30)).alpha
    np.testing.assert_array_equal(found, boxed(10, 10, 25, 30).alpha)


def test_the_threshold_is_the_files_unless_it_is_set(tmp_path: Path) -> None:
    assert built(tmp_path, trust_model(threshold=0.3)).threshold == 0.3
    assert built(tmp_path, trust_model(threshold=0.3), threshold=0.7).threshold == 0.7


def test_a_second_look_needs_a_file_that_knows_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--second-look"):
        built(tmp_path, trust_model(second=False), second_look=True)


def test_a_file_of_another_segmenter_is_refused_with_the_way_out(tmp_path: Path) -> None:
    other = trust_model(segmenter=Segmenter(name="u2net", weights=("ab" * 32,)))
    with pytest.raises(ConfigError, match="any_segmenter") as caught:
        built(tmp_path, other)
    assert "packsight train trust" in str(caught.value)
    assert "u2net" in str(caught.value) and "grabcut" in str(caught.value)
    built(tmp_path, other, any_segmenter=True)


@pytest.mark.parametrize(
    ("segmenter", "fits"),
    [
        (StageIdentity("u2net", {}, {"some/path.onnx": "aa"}), True),
        (StageIdentity("u2net", {}, {"u2netp": "another export"}), True),
        (StageIdentity("u2net", {}, {"some/path.onnx": "bb"}), False),
        (StageIdentity("u2net", {"size": 512}, {"some/path.onnx": "aa"}), False),
        (StageIdentity("u2net"), False),
        (StageIdentity("saliency", {}, {"some/path.onnx": "aa"}), False),
    ],
)
def test_a_segmenter_is_known_by_stage_options_and_weights(
    tmp_path: Path, segmenter: StageIdentity, fits: bool
) -> None:
    fitted = Segmenter(name="u2net", weights=("aa",), known_as=("u2netp",))
    options = Options(weights=saved(tmp_path, trust_model(segmenter=fitted)))
    context = BuildContext(segmenter=segmenter)
    if fits:
        build(options, context)
    else:
        with pytest.raises(ConfigError, match="was fitted to the masks of u2net"):
            build(options, context)


def test_a_segmenter_without_a_shipped_file_is_told_how_to_get_one() -> None:
    with pytest.raises(ConfigError, match="packsight train trust") as caught:
        build(Options(), BuildContext(segmenter=StageIdentity("whole")))
    assert "grabcut" in str(caught.value)


def test_without_a_segmenter_nothing_can_be_chosen() -> None:
    with pytest.raises(ConfigError, match="not known"):
        build(Options(), BuildContext())


def test_what_judges_otherwise_has_another_fingerprint_and_figures_do_not_count(
    tmp_path: Path,
) -> None:
    def used(model: TrustModel) -> dict[str, str]:
        context = BuildContext(segmenter=GRABCUT)
        build(Options(weights=saved(tmp_path, model)), context)
        return context.used

    base = trust_model()
    assert used(base) == used(base.model_copy(update={"figures": {"auroc": 0.9}, "data": "x"}))
    assert used(base) != used(trust_model(border=-4.1))
    assert used(base) != used(trust_model(threshold=0.6))
