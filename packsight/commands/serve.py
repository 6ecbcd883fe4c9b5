"""`packsight serve --gallery DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.errors import ConfigError

_CONNECTIONS = 512  # at a time; each may send a body that is held in memory until it is whole
_EXTRA = "The service needs the extra `serve`: pip install 'packsight[serve]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--gallery",
        metavar="[NAME=]DIR",
        action="append",
        required=True,
        help="gallery to serve; may be repeated, the first is the default",
    )
    add(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="address to listen at (default: this machine alone)",
    )
    add("--port", metavar="N", type=int, default=8000, help="port (default: 8000; 0: any free one)")
    add("--root-path", metavar="PATH", default="", help="path under which a reverse proxy has it")
    add(
        "--queue",
        metavar="N",
        type=int,
        default=32,
        help="photos that are taken at a time; others are refused with 503 (default: 32)",
    )
    add(
        "--keys",
        metavar="FILE",
        type=Path,
        help="API keys, made by packsight keys; needed beyond this machine (default: open to all "
        "on this machine)",
    )
    add(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="page of another origin that may call it, such as https://shop.example; may be "
        "repeated",
    )
    add(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="name by which it may be called, behind a reverse proxy; may be repeated",
    )
    add(
        "--allow-url",
        metavar="PREFIX",
        action="append",
        default=[],
        help="beginning of addresses that photos are fetched from, such as "
        "https://images.example/products/; may be repeated (default: none)",
    )
    add(
        "--allow-url-network",
        choices=("loopback", "link-local", "private"),
        action="append",
        default=[],
        help="network of this machine in which hosts of --allow-url may be; may be repeated",
    )
    add(
        "--rate",
        metavar="N",
        type=float,
        default=20.0,
        help="requests a second of a key, or of an address without keys; 0: no limit (default: 20)",
    )
    add("--threads", metavar="N", type=int, default=2, help="threads that search (default: 2)")
    add(
        "--set",
        metavar="SECTION.KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override a setting of searching, such as rerank.name=none",
    )


def run(args: argparse.Namespace) -> int:
    try:
        import uvicorn

        from online.service.app import application
        from online.service.logs import log_to
        from online.service.options import ServiceOptions
    except ImportError as error:
        raise ConfigError(
            f"packsight serve: {error.name} is not installed.", remedy=_EXTRA
        ) from None
    options = ServiceOptions(
        galleries=_named(args.gallery),
        host=args.host,
        port=args.port,
        root_path=args.root_path,
        queue=args.queue,
        threads=args.threads,
        rate=args.rate,
        keys=args.keys,
        allow_origins=tuple(args.allow_origin),
        allow_urls=tuple(args.allow_url),
        url_networks=tuple(args.allow_url_network),
        hosts=tuple(args.allow_host),
        overrides=tuple(args.overrides),
    )
    log_to(sys.stderr)
    config = uvicorn.Config(
        application(options),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=30,
    )
    uvicorn.Server(config).run()
    return 0


def _named(given: list[str]) -> dict[str, str]:
    """Addresses by name; a folder without a name is called as it is."""
    found: dict[str, str] = {}
    for one in given:
        name, separator, address = one.partition("=")
        if not separator:
            name, address = Path(one).name or "gallery", one
        if not name or name in found:
            raise ConfigError(
                f"--gallery {one}: the name {name!r} is empty or taken.",
                remedy="Give each gallery a name of its own: --gallery NAME=DIR",
            )
        found[name] = address
    return found
