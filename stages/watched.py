"""Networks, and what stages give them as images are described."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stages._network import Array, Network
from stages._session import OnnxSession

Given = tuple[Array, Sequence[int]]  # a batch, and the outputs that a stage takes of it


@dataclass
class Watched:
    """A network that keeps what it is given from now on."""

    network: Network
    given: list[Given] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inputs, self.outputs = self.network.inputs, self.network.outputs

    def run(self, batch: Array, outputs: Sequence[int]) -> list[Array]:
        self.given.append((batch, outputs))
        return self.network.run(batch, outputs)


def watch(sessions: Sequence[OnnxSession]) -> list[tuple[OnnxSession, Watched]]:
    """Every network once, also where several of the sessions run it."""
    found: dict[str, tuple[OnnxSession, Watched]] = {}
    for session in sessions:
        name = session.sha256 or str(session.path)
        _, session.network = found.setdefault(name, (session, Watched(session.network)))
    return list(found.values())
