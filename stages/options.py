"""The base of every stage's options: frozen, and an unknown key is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

# Options that change the speed of a stage and not its results.
RUNTIME_OPTIONS = frozenset({"batch"})


def in_words(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Settings of stages, a table a section, as one line for an error message."""
    return "; ".join(
        f"[{section}] " + ", ".join(f"{key} = {value!r}" for key, value in table.items())
        for section, table in tables.items()
    )


class StageOptions(BaseModel):
    """Options of one stage. All of them are hashed into the fingerprint of a describing stage,
    except those in ``later`` at their defaults: options that were added after galleries had been
    made without them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    later: ClassVar[frozenset[str]] = frozenset()
    # Those of a describing stage that steer how its descriptions are compared: they change answers
    # and not what a gallery holds.
    answering: ClassVar[frozenset[str]] = frozenset()

    @property
    def uses_colour(self) -> bool:
        """Whether colour reaches what the stage makes; of cutters and embedders."""
        return True

    def at_default(self) -> set[str]:
        """Those in ``later`` at their defaults, which are the behaviour before they were added."""
        return {
            key for key in self.later if getattr(self, key) == type(self).model_fields[key].default
        }
