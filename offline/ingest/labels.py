"""Labels of images: from folder names, tables or JSON beside them, or a table given apart.

Later sources win over earlier ones, column by column; an empty cell changes nothing:

1. folder names: ``CATEGORY/PRODUCT/view.jpg``, or ``CATEGORY/view.jpg`` where every image is a
   product of its own; images directly in the folder have no label;
2. ``attributes`` and then ``labels`` as ``.csv``, ``.json``, ``.tsv`` or ``.xlsx`` (in this order)
   in any folder, outer folders first, with a ``path`` relative to it that names an image (with or
   without its suffix) or a folder; of one table the later row wins, and of all tables the row of
   the image over that of its folder;
3. ``view.json`` or ``view.jpg.json`` beside ``view.jpg``;
4. the table given with ``--labels``, with paths relative to the ingested folder or absolute.

The columns ``category`` and ``product`` are the two labels; all other columns are attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from engine.attributes import bounded
from engine.errors import ConfigError
from engine.names import canonical, look_alike, nearest
from offline.ingest.image_json import KEYS, json_paths, read_image_json
from offline.ingest.label_tables import LabelRow, LabelTable, key_of, read_label_table
from offline.ingest.scan import ImageFile, Refusal

CATEGORY, PRODUCT = "category", "product"
SUGGESTED = 20  # lost rows at most that the nearest path is looked for; a report shows no more

Cells = Mapping[str, str]  # column -> cell


@dataclass(frozen=True)
class Label:
    """The labels of one image; a category of None is to be predicted."""

    category: str | None
    product: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def updated(self, cells: Cells) -> Label:
        """This label with the cells of a row in place of its own; empty cells change nothing."""
        filled = {column: cell for column, cell in cells.items() if cell}
        category, product = filled.pop(CATEGORY, None), filled.pop(PRODUCT, None)
        return Label(
            category=self.category if category is None else canonical(category),
            product=self.product if product is None else canonical(product),
            attributes={**self.attributes, **filled},
        )


@dataclass
class Labels:
    """Rows by the path that they label, relative to the ingested folder; "" is the folder."""

    rows: dict[str, LabelRow] = field(default_factory=dict)
    given: dict[str, LabelRow] = field(default_factory=dict)  # from --labels
    refused: list[Refusal] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # rows that could not be read
    guesses: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)  # JSON beside images that is not ours
    shortened: list[str] = field(default_factory=list)  # images with attributes beyond the bound
    listed: frozenset[str] | None = None  # see ``Scan``: where JSON beside images is looked for
    _names: list[str] = field(default_factory=list)  # of the images so far
    _used: set[int] = field(default_factory=set)  # ids of rows that named an image

    def of(self, file: ImageFile) -> Label:
        """The label of an image; an unreadable JSON file beside it is noted in ``refused``."""
        self._names.append(file.relative)
        label = from_folders(file.relative)
        for cells in (
            *self._matching(self.rows, file.relative),
            self._beside(file),
            *self._matching(self.given, file.relative),
        ):
            label = label.updated(cells)
        attributes = bounded(label.attributes)
        if attributes != label.attributes:
            self.shortened.append(file.relative)
        return Label(label.category, label.product, attributes)

    def lost_rows(self) -> list[str]:
        """What labels no image so far, a line a row: its place, the reason, the nearest path."""
        lines = list(self.lost)
        for rows in (self.rows, self.given):
            for key, row in rows.items():
                if id(row) not in self._used:
                    near = self._nearest(key) if len(lines) < SUGGESTED else None
                    hint = f"; did you mean {near!r}?" if near else ""
                    lines += [f"{place}: {key!r} names no image{hint}" for place in row.places]
        return lines

    def notes(self) -> list[str]:
        """What was guessed, overruled, passed over or shortened."""
        notes = [*capped(self.guesses), *capped(self.conflicts)]
        if self.foreign:
            notes.append(
                f"{len(self.foreign)} JSON files beside images are not labels, which have a key "
                f"{', '.join(sorted(KEYS))}, and were passed over, such as {self.foreign[0]}"
            )
        if self.shortened:
            notes.append(
                f"{len(self.shortened)} images have more or longer attributes than are kept, or "
                f"NUL characters in them, such as {self.shortened[0]}"
            )
        return notes

    def merge(self, into: dict[str, LabelRow], table: LabelTable, scope: str = "") -> None:
        """Lay the rows of a table over those before; ``scope`` precedes its product ids."""
        self.lost += table.lost
        self.guesses += table.notes
        for key, row in table.rows:
            cells = dict(row.cells)
            if scope and PRODUCT in cells:
                cells[PRODUCT] = f"{scope}/{cells[PRODUCT]}"
            old = into.get(key, LabelRow((), {}))
            self.conflicts += [
                f"{row.places[0]}: {column} {cells[column]!r} replaces {old.cells[column]!r} of "
                f"{old.places[-1]}"
                for column in (CATEGORY, PRODUCT)
                if column in cells and old.cells.get(column, cells[column]) != cells[column]
            ]
            into[key] = LabelRow((*old.places, *row.places), {**old.cells, **cells})

    def _matching(self, rows: Mapping[str, LabelRow], relative: str) -> Iterable[Cells]:
        """The rows of the folder, of its folders down to the image, of its stem and of itself."""
        if not rows:
            return
        name = key_of(relative)
        path = PurePosixPath(name)
        folders = ["" if str(parent) == "." else str(parent) for parent in reversed(path.parents)]
        for key in dict.fromkeys((*folders, str(path.with_suffix("")), name)):
            if key in rows:
                self._used.add(id(rows[key]))
                yield rows[key].cells

    def _beside(self, file: ImageFile) -> Cells:
        for path in json_paths(file.path):
            if self.listed is not None and str(path) not in self.listed:
                continue
            try:
                cells = read_image_json(path)
            except ConfigError as error:
                self.refused.append(Refusal(str(path), error.message, error.remedy))
                continue
            if cells is None:
                self.foreign.append(path)
            elif cells:
                return cells
        return {}

    def _nearest(self, key: str) -> str | None:
        """The path that looks alike, else one similar in its folder, else one of its file name."""
        alike, by_folder = self._paths
        if look_alike(key) in alike:
            return alike[look_alike(key)]
        folder, _, name = key.rpartition("/")
        near = nearest(name, by_folder.get(folder, []))
        if near:
            return f"{folder}/{near}" if folder else near
        return alike.get(f"*/{look_alike(name)}")

    @cached_property
    def _paths(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """Paths by look, also as ``*/NAME``; names by folder."""
        alike: dict[str, str] = {}
        by_folder: dict[str, list[str]] = {}
        for relative in self._names:
            path = PurePosixPath(relative)
            by_folder.setdefault(relative.rpartition("/")[0], []).append(path.name)
            alike.setdefault(f"*/{look_alike(path.name)}", relative)
            for named in (path, path.with_suffix(""), *path.parents):
                alike.setdefault(look_alike(str(named)), str(named))
        return alike, by_folder


def read_labels(
    folder: Path,
    label_files: Iterable[Path],
    given: Iterable[tuple[Path, Path]] = (),
    *,
    scoped: bool = False,
    listed: frozenset[str] | None = None,
) -> Labels:
    """Read all label files of a folder and the tables given apart.

    ``given``: tables given apart, later ones win, and the folders that their paths start at; of one
    above, rows about its other folders are left out. ``scoped``: product ids of a table below the
    folder are its own, ``01`` of ``jar/labels.csv`` becomes ``jar/01``. A broken file in the folder
    is noted in ``refused``; a broken table given apart raises ConfigError. ``listed``: of
    ``Scan``.
    """
    labels = Labels(listed=listed)
    root = folder.absolute()
    for path in sorted(label_files, key=lambda path: (len(path.parts), path)):
        try:
            read = read_label_table(path, path.parent, root)
        except ConfigError as error:
            labels.refused.append(Refusal(str(path), error.message, error.remedy))
            continue
        inner = path.parent.relative_to(root).as_posix() if scoped else "."
        labels.merge(labels.rows, read, "" if inner == "." else canonical(inner))
    for path, base in given:
        labels.merge(labels.given, read_label_table(path, base, root))
    return labels


def from_folders(relative: str) -> Label:
    """The label that folder names give: the first is the category, all together the product."""
    path = PurePosixPath(canonical(relative))
    folders = path.parts[:-1]
    if not folders:
        return Label(None, path.stem)
    if len(folders) == 1:
        return Label(folders[0], f"{folders[0]}/{path.stem}")
    return Label(folders[0], "/".join(folders))


def capped(lines: list[str], shown: int = 20) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - shown
    return [*lines[:shown], *([f"… and {more} more such lines"] if more > 0 else [])]
