"""Every error a user may see: each says what failed, on what, and what mends it.

The command line and the service translate ``PacksightError`` in one place each; anything else
that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class PacksightError(Exception):
    """Base of all errors that a user, not a developer, has to answer.

    ``remedy`` is one sentence or command that mends it; it is printed after the message.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Errors come back from decoding processes; the default pickling would lose keywords.
        return (_restore, (type(self), dict(self.__dict__)))


class ConfigError(PacksightError):
    """A setting, profile, option or flag is wrong; the message lists the valid ones."""


class ImageError(PacksightError):
    """One picture cannot be read. Never stops an ingest: it becomes a line in the report."""

    def __init__(self, uri: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(f"{uri}: {reason}", remedy=remedy)
        self.uri = uri
        self.reason = reason


class WeightsError(PacksightError):
    """A checkpoint is unknown, absent, damaged, unverified or its licence was not accepted."""


class GalleryError(PacksightError):
    """A gallery cannot be opened, read or written."""


class DamageError(GalleryError):
    """A gallery's files are not what was written."""


class FingerprintError(GalleryError):
    """The gallery was described by other parts, options or weights than the ones at hand."""


class StageError(PacksightError):
    """A stage failed on an image that was read without fault."""

    def __init__(self, stage: str, uri: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(f"{uri}: {stage} failed: {reason}", remedy=remedy)
        self.stage = stage
        self.uri = uri
        self.reason = reason


def _restore(kind: type[PacksightError], state: dict[str, object]) -> PacksightError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state.get("message", ""),)
    return error
