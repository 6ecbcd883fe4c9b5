"""Trust among the other parts: built for its segmenter, part of the fingerprint."""

from __future__ import annotations

import pytest

from engine.config import load
from engine.errors import ConfigError
from stages.assemble import Parts, assemble, assemble_cutting
from stages.profiles import read_profile


def parts(*flags: str) -> Parts:
    return assemble(load(read_profile("classic"), env={}, flags=flags))


def test_it_is_absent_unless_it_is_named_and_then_counts_in_the_fingerprint() -> None:
    without, with_ = parts(), parts("trust.name=calibrated")
    assert without.describer.trust is None and with_.describer.trust is not None
    prints = {
        without.fingerprint,
        with_.fingerprint,
        parts("trust.name=calibrated", "trust.second_look=true").fingerprint,
        parts("trust.name=calibrated", "trust.threshold=0.7").fingerprint,
        parts("trust.name=calibrated", 'trust.instead="whole"').fingerprint,
    }
    assert len(prints) == 5
    assert parts("trust.name=none").fingerprint == without.fingerprint


def test_the_segmenter_is_told_by_what_was_changed_of_it() -> None:
    settings = load(read_profile("classic"), env={}, flags=["segment.side=64"])
    segmenter = assemble_cutting(settings).segmenter
    assert (segmenter.name, dict(segmenter.options)) == ("grabcut", {"side": 64})
    assert dict(segmenter.weights) == {}


@pytest.mark.parametrize("flag", ["segment.name=whole", "segment.cut_side=64"])
def test_masks_of_another_segmenter_are_refused_when_the_parts_are_built(flag: str) -> None:
    with pytest.raises(ConfigError, match="no trust file is shipped") as caught:
        parts(flag, "trust.name=calibrated")
    assert "packsight train trust" in caught.value.remedy
