"""A decoding process: reads requests on standard input, answers on standard output.

A message is a 8-byte little-endian length and a pickle. Both ends are this same program: nothing
else ever writes to these pipes. The process ends when its input ends, so none outlives a killed
parent; and a decoder that crashes takes one picture with it and not the run.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import struct
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.types import RGBImage

_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture and the hash of the very bytes it was decoded from."""

    sha256: str
    image: RGBImage


def decode(path: Path, limits: ImageLimits) -> Decoded:
    """Read once, hash, decode; raises ImageError."""
    try:
        if path.stat().st_size > limits.max_bytes:
            return Decoded("", load(path, limits=limits))  # refuses before it reads
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(str(path), f"cannot be read ({error.strerror})") from error
    return Decoded(hashlib.sha256(data).hexdigest(), load(data, uri=str(path), limits=limits))


def serve(limits: ImageLimits) -> None:
    """Answer until the input ends: a path in, a Decoded or an ImageError out."""
    # Ctrl-C goes to all processes of a terminal; it is for the parent to say when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as in packsight.cli
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a codec prints must not fall among the answers
    while (path := receive(requests)) is not None:
        try:
            answer: Decoded | ImageError = decode(Path(path), limits)
        except ImageError as error:
            answer = error
        except MemoryError:
            answer = ImageError(path, "too large for the memory at hand")
        try:
            send(answers, answer)
        except BrokenPipeError:  # the parent was killed: nobody waits for the answer
            os._exit(0)


def send(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """The next message; None when the other end has closed."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return pickle.loads(data) if len(data) == length else None
