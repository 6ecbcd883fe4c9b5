"""Packsight: a gallery of the catalogue, by the settings given.

packsight_search.py GALLERY CATALOGUE.json K [KEY=VALUE ...]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from turns import take_turns

from offline import ingest
from stages.open_searcher import open_searcher


def main() -> None:
    gallery, catalogue, k, *settings = sys.argv[1:]
    profile = next((one[8:] for one in settings if one.startswith("profile=")), None)
    overrides = [one for one in settings if not one.startswith("profile=")]
    folder = Path(json.loads(Path(catalogue).read_text())["folder"])
    if not Path(gallery).exists():
        ingest(folder, gallery, profile=profile, overrides=overrides)
    machine = [one for one in overrides if one.startswith(("runtime.", "search."))]
    with open_searcher(gallery, overrides=machine) as opened:
        take_turns(lambda photo: [hit.record.uri for hit in opened.search(photo, k=int(k)).hits])


if __name__ == "__main__":
    main()
