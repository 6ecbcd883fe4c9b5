"""The sizes of a benchmark; counts are per category."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.errors import ConfigError

LABELS = "labels"  # the preset of flat label art and the bottles and jars that wear it


@dataclass(frozen=True)
class Preset:
    """``families`` x ``members`` products x ``views`` make a category's catalogue.

    One view of each product is for validation, the others are for training: with five views
    the paper's four to one. ``test`` and ``unseen`` have families of their own. Of ``labels`` a
    family is a line of labels with one flat image each, and ``side`` the photos' longer side, too.
    """

    name: str
    side: int  # width and height of a studio image, px
    samples: int  # light paths a pixel, in two halves of a square each
    families: int
    members: int
    views: int
    test: tuple[int, int, int]  # families, members, views
    present: int  # queries of a product in the catalogue
    absent: int  # queries of a sibling that is not in the catalogue
    unseen: tuple[int, int, int]  # families, members, views; each product has one photo more

    @property
    def is_labels(self) -> bool:
        return self.name == LABELS

    @property
    def images(self) -> int:
        """In all 15 categories, or in the two of ``labels``."""
        if self.is_labels:
            return 2 * (self.families * self.members + self.present)
        unseen_families, unseen_members, unseen_views = self.unseen
        each = self.families * self.members * self.views + self.present + self.absent
        each += self.test[0] * self.test[1] * self.test[2]
        return 15 * (each + unseen_families * unseen_members * (unseen_views + 1))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("tiny", 192, 32, 2, 3, 3, (2, 1, 1), 2, 1, (1, 2, 1)),
        # Waqas et al. 2023: 2,250 images, 150 a category, 1,800 / 450, and 360 to test on.
        Preset("standard", 256, 18, 5, 6, 5, (4, 2, 3), 16, 4, (2, 4, 2)),
        Preset("large", 512, 50, 20, 10, 5, (8, 4, 3), 60, 20, (8, 6, 3)),
        # Two photos of every product, and no split that is kept from training.
        Preset("training", 224, 14, 10, 3, 2, (0, 0, 0), 60, 0, (0, 0, 0)),
        Preset(LABELS, 640, 8, 30, 4, 1, (0, 0, 0), 60, 0, (0, 0, 0)),
    )
}


def preset(
    name: str,
    *,
    side: int | None = None,
    samples: int | None = None,
    families: int | None = None,
    members: int | None = None,
) -> Preset:
    """The preset of this name with these sizes. Raises ConfigError for an unknown or bad one."""
    if name not in PRESETS:
        raise ConfigError(f"no preset {name!r}; there are: {', '.join(PRESETS)}.")
    chosen = PRESETS[name]
    sizes = {"side": side, "samples": samples, "families": families, "members": members}
    for option, value in sizes.items():
        low, high = {"side": (32, 4096), "samples": (1, 4096)}.get(option, (1, 99))
        if value is not None and not low <= value <= high:
            raise ConfigError(f"--{option} {value}: must lie between {low} and {high}.")
    return replace(
        chosen,
        side=side or chosen.side,
        samples=samples or chosen.samples,
        families=families or chosen.families,
        members=members or chosen.members,
    )
