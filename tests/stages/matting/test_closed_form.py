"""Closed-form matting through the real package, and without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from engine.errors import ConfigError
from stages.context import BuildContext
from stages.matting.closed_form import Options, build
from tests.stages.matting.matting_scenes import disc, photo_of, softened


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    with pytest.raises(ConfigError, match=r"packsight\[matting\]"):
        build(Options(), BuildContext())


@pytest.mark.slow
def test_a_soft_matte_becomes_the_exact_one_where_colours_tell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pymatting", reason="needs the extra `matting`")
    alpha = disc(90, 80)
    soft = softened(alpha)
    matting = build(Options(erode=0.06, dilate=0.06), BuildContext())
    (found,) = matting.refine([photo_of(alpha)], [soft])
    assert np.abs(found.alpha - alpha).mean() < 0.3 * np.abs(soft.alpha - alpha).mean()
    assert capsys.readouterr().out == ""
