"""`packsight serve --gallery DIR`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from engine.errors import ConfigError
from packsight.commands._arguments import positive, whole

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from online.service.options import ServiceOptions
    from online.service.service import Service
    from online.service.webhook import WebhookOptions

# Seconds that an idle connection is kept: longer than proxies keep theirs (60), so that it is never
# closed under a request that is on its way.
KEEP_ALIVE = 75
GRACE = 30  # seconds that answers in progress have when the service is stopped
MOST_CONNECTIONS = 512  # each may send a body that is held in memory until it is whole
_EXTRA = "The service needs the extra `serve`: pip install 'packsight[serve]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--gallery",
        metavar="[NAME=]ADDRESS",
        action="append",
        required=True,
        help="gallery to serve, a folder or postgresql://…; may be repeated, the first is the "
        "default",
    )
    add(
        "--host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="address to listen at (default: this machine alone)",
    )
    add(
        "--port",
        metavar="N",
        type=_port,
        default=8000,
        help="port (default: 8000; 0: any free one)",
    )
    add("--root-path", metavar="PATH", default="", help="path under which a reverse proxy has it")
    add(
        "--queue",
        metavar="N",
        type=positive,
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
        help="requests a second of a key, or of an address without keys; each of several workers "
        "counts its own, so that up to N times as many pass; 0: no limit (default: 20)",
    )
    add(
        "--workers",
        metavar="N",
        type=positive,
        default=1,
        help="processes; each has models of its own (default: 1, with threads)",
    )
    add(
        "--batch",
        metavar="N",
        type=positive,
        default=8,
        help="photos that are described together, at most (default: 8)",
    )
    add("--threads", metavar="N", type=positive, default=2, help="threads that search (default: 2)")
    add(
        "--webhook",
        metavar="URL",
        help="address to which the end of every job is posted; needs --webhook-secret",
    )
    add(
        "--webhook-secret",
        metavar="FILE",
        type=Path,
        help="what the posts are signed by: a file of at least 16 bytes",
    )
    add(
        "--set",
        metavar="SECTION.KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override a setting of searching, such as rerank.name=none",
    )


def _port(text: str) -> int:
    if not 0 <= whole(text) <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    try:
        import uvicorn

        from online.service.logs import log_to
        from online.service.options import ServiceOptions
    except ImportError as error:
        missing = f"packsight serve: {error.name} is not installed."
        raise ConfigError(missing, remedy=_EXTRA) from None
    options = ServiceOptions(
        galleries=_named(args.gallery),
        host=args.host,
        root_path=args.root_path,
        queue=args.queue,
        batch=args.batch,
        threads=args.threads,
        rate=args.rate,
        keys=args.keys,
        allow_origins=tuple(args.allow_origin),
        allow_urls=tuple(args.allow_url),
        url_networks=tuple(args.allow_url_network),
        hosts=tuple(args.allow_host),
        overrides=tuple(args.overrides),
        webhook=_webhook(args.webhook, args.webhook_secret),
    )
    _require_usable(options)
    listening = _socket(args.host, args.port)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}{args.root_path}"
    print(f"{address} (the page; its API: {address}/docs; Ctrl+C ends it)", flush=True)
    log_to(sys.stderr)
    config = uvicorn.Config(
        partial(_application, options),
        factory=True,
        workers=args.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
    )
    with contextlib.suppress(KeyboardInterrupt):  # how it ends, after all answers
        if args.workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            _run_workers(config, listening)
    return 0


def _application(options: ServiceOptions) -> FastAPI:
    """In the process that serves."""
    from online.service.app import application
    from online.service.logs import log_to

    log_to(sys.stderr)
    app = application(options)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, partial(_leave, app.state.service, signal.getsignal(number)))
    return app


def _leave(service: Service, before: object, number: int, frame: FrameType | None) -> None:
    """What follows jobs ends; then what the server does at a signal."""
    service.leave()
    if callable(before):
        before(number, frame)


def _run_workers(config: uvicorn.Config, listening: socket.socket) -> None:
    """Processes that share the socket, and the mapped indexes, but not the models."""
    from uvicorn.supervisors import Multiprocess

    from online.service.metrics import share_among_workers

    with tempfile.TemporaryDirectory() as folder:
        share_among_workers(Path(folder) / "metrics")
        Multiprocess(config, sockets=[listening]).run()


def _require_usable(options: ServiceOptions) -> None:
    """What every process that serves would fail by fails here, before any address is printed."""
    from online.service.served import ServedGalleries

    options.gate()
    options.remote_images()
    served = ServedGalleries(options.galleries, options.max_pixels, options.overrides)
    for name in served.names:
        served.get(name)


def _socket(host: str, port: int) -> socket.socket:
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.create_server((host, port), family=kind, backlog=2048)
    except OSError as error:
        # Python appends the address to the system's words, of any but a name that is not found.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror
        raise ConfigError(
            f"{host}:{port}: cannot be listened at ({reason}).", remedy=_remedy_of(error, port)
        ) from None
    found.set_inheritable(True)
    return found


def _remedy_of(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Another service is there: end it, or choose --port N, or 0 for any free one."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} is the system's alone: choose --port N from 1024 on."
    return "Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."


def _webhook(url: str | None, secret: Path | None) -> WebhookOptions | None:
    from online.service.webhook import WebhookOptions

    if url is None and secret is None:
        return None
    if url is None or secret is None:
        raise ConfigError("--webhook and --webhook-secret need each other.")
    return WebhookOptions(url, secret)


def _named(given: list[str]) -> dict[str, str]:
    """Addresses by name; a folder without a name is called as it is, a database by its schema."""
    found: dict[str, str] = {}
    for one in given:
        name, separator, address = one.partition("=")
        if not separator or ":/" in name:
            place, _, query = one.partition("?")
            schema = dict(parse_qsl(query)).get("schema")
            name, address = schema or Path(place).name or "gallery", one
        if not name or name in found:
            raise ConfigError(
                f"--gallery {one}: the name {name!r} is empty or taken.",
                remedy="Give each gallery a name of its own: --gallery NAME=DIR",
            )
        found[name] = address
    return found
