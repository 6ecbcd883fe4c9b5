"""Packsight's import packages have common names; this finds another module that hides one.

It imports neither ``pathlib`` nor ``importlib.util``: they would triple `import packsight`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as typing's, without its import
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

PACKAGES = ("engine", "stages", "weights", "offline", "online")
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def check_packages(home: str = HOME) -> None:
    """ImportError that names the file in the way, unless all packages lie in ``home``.

    A script's own `engine.py` comes before site-packages on ``sys.path``. Without this check it
    ends in "'engine' is not a package" deep inside another package. Nothing is imported or run:
    0.2 ms.
    """
    for name in PACKAGES:
        module = sys.modules.get(name)
        spec = _found(name) if module is None else getattr(module, "__spec__", None)
        if module is None and spec is None:
            raise ImportError(
                f"Packsight's package {name!r} is missing from {home}. Install packsight again.",
                name=name,
            )
        folders = [*(getattr(module, "__path__", None) or _folders(spec))]
        own = os.path.join(home, name)  # noqa: PTH118
        if any(folder == own or _real(folder) == _real(own) for folder in folders):
            continue
        file = getattr(module, "__file__", None) or getattr(spec, "origin", None)
        file = file or next(iter(folders), "a module without a file")
        raise ImportError(_message(name, file, imported=module is not None), name=name, path=file)


def _message(name: str, file: str, *, imported: bool) -> str:
    cause = f"{file} hides Packsight's package {name!r}"
    if imported:
        cause += ", because it was imported first"
    return f"{cause}. Rename it, or run Python from another folder or without it on PYTHONPATH."


def _found(name: str) -> ModuleSpec | None:
    """As ``importlib.util.find_spec``."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


def _folders(spec: ModuleSpec | None) -> list[str]:
    return [] if spec is None else list(spec.submodule_search_locations or ())


def _real(folder: str) -> str:
    return os.path.realpath(folder)
