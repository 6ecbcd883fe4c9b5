"""The address of a gallery in PostgreSQL: what libpq connects by, and what is Packsight's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote

from engine.errors import GalleryError

SCHEMA = "packsight"
# PostgreSQL cuts names at 63 bytes; names of schemas end in the number of a generation.
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,47}")
# Of PostgreSQL, and of pgvector as a rule, which every gallery of the database finds its type in.
_TAKEN = re.compile(r"public|pg_.*|information_schema")
_OWN = ("schema", "indexes")
ADDRESS = (
    "Write postgresql://USER@HOST:PORT/DATABASE, with %40 for a further @; a password is best kept "
    "in ~/.pgpass or PGPASSWORD."
)


@dataclass(frozen=True)
class PostgresAddress:
    """``postgresql://USER@HOST[:PORT][,HOST…]/DATABASE[?schema=NAME][&indexes=FOLDER][&…]``; any
    other parameter is libpq's, such as sslmode, target_session_attrs or options.

    ``schema``: the name of the gallery in the database. ``indexes``: a folder for FAISS indexes
    that searches of this process derive from the tables, in place of searching in PostgreSQL.
    """

    libpq: str
    schema: str
    indexes: Path | None
    shown: str  # without a password

    @classmethod
    def read(cls, address: str | Path) -> Self:
        """GalleryError for one that cannot be understood."""
        # pathlib makes one slash of two.
        text = re.sub(r"^postgres(ql)?://?", "postgresql://", str(address), flags=re.IGNORECASE)
        base, _, query = text.partition("?")
        given = parse_qsl(query, keep_blank_values=True)
        own = {name: value for name, value in given if name in _OWN}
        names = [name for name, _ in given]
        twice = [name for name in _OWN if names.count(name) > 1]
        schema = own.get("schema", SCHEMA)
        shown = _with_query(
            without_password(base),
            [one for one in given if not one[0].endswith(("password", "secret"))],
        )
        if twice:
            raise GalleryError(f"{shown}: has {twice[0]} twice.", remedy="Leave one of them out.")
        if base.count("@") > 1:  # libpq takes what follows the first one for the host
            raise GalleryError(f"{shown}: this address cannot be understood.", remedy=ADDRESS)
        if not _NAME.fullmatch(schema):
            raise GalleryError(
                f"{shown}: {schema!r} is no name of a schema.",
                remedy="Up to 48 small letters, digits and underscores, such as ?schema=bottles",
            )
        if _TAKEN.fullmatch(schema):
            raise GalleryError(
                f"{shown}: the schema {schema} is not for galleries.",
                remedy="Give the gallery one of its own, such as ?schema=bottles",
            )
        libpq = _with_query(base, [one for one in given if one[0] not in _OWN])
        folder = own.get("indexes")
        return cls(libpq, schema, Path(folder) if folder else None, shown)

    def generation_schema(self, name: str) -> str:
        """Where the tables of a generation lie."""
        return f"{self.schema}_{name}"

    def lock(self, name: str) -> int:
        """Of 63 bits, for an advisory lock: PostgreSQL knows them by number."""
        digest = sha256(f"packsight {self.schema} {name}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


def without_password(text: str) -> str:
    """Also where it holds characters that an address may not."""
    return re.sub(r"//([^/@:]*):.*@", r"//\1@", text)


def _with_query(base: str, parameters: list[tuple[str, str]]) -> str:
    query = "&".join(f"{name}={quote(value, safe='/:,')}" for name, value in parameters)
    return f"{base}?{query}" if query else base
