"""From a saliency network's output to a matte: belongs to the weights, like their input spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from engine.errors import WeightsError
from weights.input_spec import check_keys

Activation = Literal["none", "sigmoid"]

_KEYS = ("index", "activation", "stretch")


@dataclass(frozen=True)
class OutputSpec:
    """Take output ``index``, apply the activation, and stretch it to [0, 1] or not.

    The defaults are those of the U²-Net family, whose files hold the sigmoid and whose first
    output is the fused map: a file without an output spec is taken for one of them.
    """

    index: int = 0  # of the file's outputs; negative counts from the last one
    activation: Activation = "none"
    stretch: bool = True  # min-max, as the authors of U²-Net, BASNet and IS-Net publish it

    def __post_init__(self) -> None:
        if not isinstance(self.index, int) or isinstance(self.index, bool):
            raise TypeError(f"index must be a whole number, not {self.index!r}")
        if self.activation not in get_args(Activation):
            valid = ", ".join(get_args(Activation))
            raise ValueError(f"activation must be one of {valid}, not {self.activation!r}")
        if not isinstance(self.stretch, bool):
            raise TypeError(f"stretch must be true or false, not {self.stretch!r}")


def parse_output_spec(table: object, where: str) -> OutputSpec:
    """Read an [output] table of TOML, whose keys are all optional; None stands for no table.

    ``where`` names the file and table in a WeightsError.
    """
    if table is None:
        return OutputSpec()
    if not isinstance(table, Mapping):
        raise WeightsError(f"{where}: must be a table.")
    check_keys(table, required=(), optional=_KEYS, where=where)
    default = OutputSpec()
    try:
        return OutputSpec(
            index=table.get("index", default.index),
            activation=cast("Activation", table.get("activation", default.activation)),
            stretch=table.get("stretch", default.stretch),
        )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where}: {error}.") from error
