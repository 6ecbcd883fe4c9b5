"""`packsight cache`."""

from __future__ import annotations

import argparse
import json

from packsight.commands._storage import megabytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--clear", action="store_true", help="delete them; they are made again when needed"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    from engine.blobs import Blobs
    from engine.config import Settings, load
    from engine.errors import ConfigError
    from stages._compiled import CompiledNetworks, runtime_folder
    from stages._mattes import FOLDER_VARIABLE, matte_folder

    limit = load(Settings()).runtime.mattes_gb
    store = Blobs(matte_folder(), "mattes")
    if store.folder.exists() and not store.folder.is_dir():
        raise ConfigError(
            f"{store.folder}: is a file, no folder for mattes.",
            remedy=f"Name a folder in {FOLDER_VARIABLE}, or none for the user's own cache.",
        )
    compiled = CompiledNetworks(runtime_folder())
    if args.clear:
        store.clear()
        compiled.clear()
    count, size = store.count()
    networks, network_bytes = compiled.count()
    if args.json:
        found = {
            "folder": str(store.folder),
            "mattes": count,
            "bytes": size,
            "limit_gb": limit,
            "compiled": {
                "folder": str(compiled.folder),
                "networks": networks,
                "bytes": network_bytes,
                "limit_gb": compiled.limit / 10**9,
            },
        }
        print(json.dumps(found, indent=2))
        return 0
    print(store.folder)
    print(f"{count:,} mattes, {megabytes(size)}; at most {limit:g} GB (runtime.mattes_gb)")
    print(compiled.folder)
    most = compiled.limit / 10**9
    print(f"{networks:,} compiled networks, {megabytes(network_bytes)}; at most {most:g} GB")
    return 0
