"""Closed-form matting by the package pymatting (extra ``matting``).

Levin, Lischinski and Weiss, A Closed-Form Solution to Natural Image Matting, TPAMI 2008; Germer,
Uelwer, Conrad and Harmeling, PyMatting, JOSS 2020.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from engine.errors import ConfigError
from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from engine.user_folders import keep_what_numba_compiles
from stages.context import BuildContext
from stages.matting._refinement import Estimate, refine_each
from stages.matting._trimap import BandOptions, Trimap

# (h, w, 3) and (h, w) float64 in [0, 1]; 0, 1 and what lies between = unknown -> (h, w).
Solver = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]]

UNKNOWN = 0.5
LEAST_SIDE = 3  # pixels: the matting Laplacian is made of windows of 3 x 3


class Options(BandOptions):
    side: int = Field(default=384, ge=16)  # the cost grows with the area of the window


class ClosedFormMatting:
    def __init__(self, solver: Solver, options: Options) -> None:
        self._solver = solver
        self._options = options
        self.estimate: Estimate = self._alpha

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        options = self._options
        return refine_each(images, mattes, options.widths, options.side, self.estimate)

    def _alpha(self, pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        """The saliency itself where either side has nothing known: there is no equation then."""
        known_both = trimap.foreground.any() and trimap.background.any()
        if not known_both or min(saliency.shape) < LEAST_SIDE:
            return saliency
        known = trimap.imposed_on(np.full_like(saliency, UNKNOWN)).astype(np.float64)
        solved = self._solver(pixels.astype(np.float64) / 255.0, known)
        return np.asarray(np.nan_to_num(solved, nan=0.0), np.float32)


def build(options: Options, context: BuildContext) -> ClosedFormMatting:
    """Raises ConfigError without the package."""
    keep_what_numba_compiles()
    try:
        from pymatting import estimate_alpha_cf, ichol
    except ImportError as error:
        raise ConfigError(
            "The stage matting.closed_form needs a package that is not installed.",
            remedy='Install it with: pip install "packsight[matting]"',
        ) from error
    solver = partial(estimate_alpha_cf, preconditioner=partial(_quietly, ichol))
    return ClosedFormMatting(solver, options)


def _quietly(factorise: Callable[[Any], Any], matrix: Any) -> Any:
    """The incomplete Cholesky factorisation prints a page whenever it tries a larger shift."""
    with contextlib.redirect_stdout(io.StringIO()):
        return factorise(matrix)
