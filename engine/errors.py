"""Every error that a user may see: what failed, on what, and what mends it.

The command line and the service translate ``PacksightError`` in one place each; anything else
that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations


class PacksightError(Exception):
    """Base of all errors that a user, not a developer, can mend.

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
    """An invalid setting, profile, option or flag; the message lists the valid ones."""


class ImageError(PacksightError):
    """One image cannot be read. Never stops an ingest: it becomes a line in the report."""

    def __init__(self, uri: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(f"{uri}: {reason}", remedy=remedy)
        self.uri = uri
        self.reason = reason


class ImageTooLargeError(ImageError):
    """An image of more bytes or pixels than the limits allow; it may be whole."""


class WeightsError(PacksightError):
    """A checkpoint is unknown, absent, damaged, unverified or its licence was not accepted."""


class GalleryError(PacksightError):
    """A gallery cannot be opened, read or written."""


class EmptyGalleryError(GalleryError):
    """A gallery without an image cannot be searched."""


class LockedError(GalleryError):
    """Another process writes to the gallery."""


class DisconnectedError(GalleryError):
    """The server of a gallery ended the connection amid a read or a write."""


class DamageError(GalleryError):
    """A gallery's files were changed or damaged after they were written."""


class FingerprintError(GalleryError):
    """The gallery was described with other stages, options or weights than those in use."""


class StageError(PacksightError):
    """A stage failed on an image that was decoded without error."""

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
