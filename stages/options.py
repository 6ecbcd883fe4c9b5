"""The base of every stage's options: frozen, and an unknown key is an error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StageOptions(BaseModel):
    """Options of one stage. All of them are hashed into the fingerprint of a describing stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
