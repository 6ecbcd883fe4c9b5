"""A photo is fetched from where the operator allows it, and from nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from online.service.problems import RequestError
from online.service.remote_images import RemoteImages
from online.service.web_addresses import NETWORKS, parse_address, parse_prefix, place_of

PHOTO = b"\xff\xd8 a photo" * 1000


class _Shop(BaseHTTPRequestHandler):
    """Under /photos/ what a shop has, and what hostile ones may do."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        name = self.path.rpartition("/")[2]
        if name.startswith("to:"):
            self.send_response(302)
            self.send_header("Location", name[3:].replace("|", "/"))
            self.end_headers()
        elif name.startswith("again"):
            self.send_response(302)
            self.send_header("Location", f"again{int(name[5:]) - 1}" if name != "again0" else "a")
            self.end_headers()
        elif name == "endless":
            self.send_response(200)
            self.end_headers()
            self._write_on_and_on()
        elif name == "slow":
            self.server.stopping.wait(5)  # type: ignore[attr-defined]
        elif name == "packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(PHOTO)
        else:
            self.send_response(200 if name == "a" else 404)
            self.send_header("Set-Cookie", "a=b")
            self.send_header("Content-Length", str(len(PHOTO)))
            self.end_headers()
            self.wfile.write(PHOTO)

    def _write_on_and_on(self) -> None:
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Any]:
    with _open(ThreadingHTTPServer(("127.0.0.1", 0), _Shop)) as server:
        yield server


@contextmanager
def _open(server: Any) -> Iterator[Any]:
    server.seen, server.stopping = [], threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    server.server_close()


def fetched(url: str, *prefixes: str, **given: Any) -> bytes:
    allowed = RemoteImages(prefixes=[parse_prefix(prefix) for prefix in prefixes], **given)
    return asyncio.run(allowed.fetch(url))


def refused(url: str, *prefixes: str, **given: Any) -> int:
    with pytest.raises(RequestError) as error:
        fetched(url, *prefixes, **given)
    return error.value.status


def base(shop: Any, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{shop.server_port}/photos/"


def test_a_photo_of_an_allowed_place_is_fetched(shop: Any) -> None:
    assert fetched(f"{base(shop)}a", base(shop), networks={"loopback"}) == PHOTO
    assert fetched(f"{base(shop)}a", f"{base(shop)}a", networks={"loopback"}) == PHOTO


def test_nothing_is_fetched_without_a_prefix_or_from_beside_it(shop: Any) -> None:
    assert refused(f"{base(shop)}a", networks={"loopback"}) == 403
    beside = f"http://127.0.0.1:{shop.server_port}/"
    for url in ("photosa", "photos", "", "photos/../a", "photos/%2e%2e/a", "photos/%2fa", "x/a"):
        assert refused(beside + url, base(shop), networks={"loopback"}) == 403
    assert refused(f"http://127.0.0.1:{shop.server_port + 1}/photos/a", base(shop)) == 403
    assert refused(f"https://127.0.0.1:{shop.server_port}/photos/a", base(shop)) == 403
    assert not shop.seen


def test_the_switch_of_loopback_is_needed_whatever_the_name(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolves(monkeypatch, "127.0.0.1")
    for host in ("127.0.0.1", "localhost", "images.example"):
        url = f"{base(shop, host)}a"
        assert refused(url, base(shop, host), networks={"link-local", "private"}) == 403
        assert not shop.seen
        assert fetched(url, base(shop, host), networks={"loopback"}) == PHOTO
        assert shop.seen.pop()[1] == f"{host}:{shop.server_port}"


def _resolves(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """What every name resolves to; one call of it each, the last for all that follow."""
    calls: list[str] = []

    async def getaddrinfo(_: Any, host: str, port: int, **__: Any) -> list[Any]:
        found = addresses[min(len(calls), len(addresses) - 1)]
        calls.append(found)
        return [(0, 0, 0, "", (one, port)) for one in found.split()]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", getaddrinfo)
    return calls


def test_a_name_that_resolves_to_another_address_later_is_not_followed(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _resolves(monkeypatch, "127.0.0.1", "192.0.2.1")
    url = base(shop, "images.example")
    assert fetched(f"{url}a", url, networks={"loopback"}) == PHOTO
    assert calls == ["127.0.0.1"], "connected to the address that was judged"


def test_one_closed_address_among_several_closes_the_host(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolves(monkeypatch, "127.0.0.1 10.0.0.1")
    url = base(shop, "images.example")
    assert refused(f"{url}a", url, networks={"loopback"}) == 403 and not shop.seen


@pytest.mark.parametrize(
    "target",
    [
        "http:||169.254.169.254|latest|meta-data",
        "http:||localhost.|photos|a",
        "file:|||etc|passwd",
        "||evil.example|photos|a",
        "|other|a",
        "..|a",
        "http:||user@127.0.0.1|photos|a",
        "gopher:||127.0.0.1|",
    ],
)
def test_a_redirect_out_of_what_is_allowed_is_refused(shop: Any, target: str) -> None:
    assert refused(f"{base(shop)}to:{target}", base(shop), networks={"loopback"}) == 403
    assert len(shop.seen) == 1


def test_a_redirect_within_is_followed_three_times_and_no_more(shop: Any) -> None:
    for hops, reached in ((0, True), (2, True), (3, False), (9, False)):
        url = f"{base(shop)}again{hops}"
        if reached:
            assert fetched(url, base(shop), networks={"loopback"}) == PHOTO
        else:
            assert refused(url, base(shop), networks={"loopback"}) == 422


def test_what_is_too_much_too_slow_packed_or_absent_is_refused(shop: Any) -> None:
    def status(name: str, **given: Any) -> int:
        return refused(base(shop) + name, base(shop), networks={"loopback"}, **given)

    assert status("endless", max_bytes=100_000) == 413
    assert status("a", max_bytes=len(PHOTO) - 1) == 413
    assert status("slow", seconds=0.2) == 422
    assert status("packed") == 422
    assert status("nothing") == 422
    shop.server_close()
    assert status("a") == 422


HOSTILE = [
    "http://0.0.0.0/",
    "http://0/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.1./",
    "http://images.example@127.0.0.1/",
    "http://images.example:80@127.0.0.1/",
    "http://127.0.0.1#@images.example/",
    "http://127.0.0.1\\@images.example/",
    "http://images.example\\.evil.example/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://[v1.x]/",
    "http://169.254.169.254/",
    "http://10.0.0.1/",
    "http://100.64.0.1/",
    "http://192.168.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://\u2460\u2461\u2466.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://images.example\n.evil.example/",
    "http://images.example\t/",
    " http://images.example/",
    "http:/127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "//127.0.0.1/",
    "127.0.0.1",
    "HTTPS:\\\\127.0.0.1",
    "ftp://images.example/",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "http://images.example:0/",
    "http://images.example:99999/",
    "http://images.example:80:80/",
    "http://images.example:x/",
    "http://-a.example/",
    "http://a..example/",
    f"http://{'a' * 64}.example/",
    "http://a.example/" + "a" * 3000,
    "http://",
    "",
]


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: ascii(url[:40]))
def test_a_hostile_address_reaches_nothing_even_where_all_names_are_allowed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It parses to nothing, or leads to a place that is closed."""
    connected: list[str] = []

    async def connect(self: Any, address: Any) -> bytes:
        connected.append(str(address))
        return b""

    monkeypatch.setattr(RemoteImages, "_get", connect)
    address = parse_address(url)
    if address is not None:
        place = place_of(ipaddress.ip_address(address.host))
        assert not RemoteImages()._may_reach(place)
    names = ("http://images.example/", "http://a.example/", "ftp://images.example/")
    prefixes = [found for name in names if (found := parse_address(name))]
    with pytest.raises(RequestError) as refusal:
        asyncio.run(RemoteImages(prefixes).fetch(url))
    assert refusal.value.status == 403 and not connected


PLACES = {
    "public": ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "::ffff:8.8.8.8"],
    "loopback": ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
    "link-local": ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"],
    "private": [
        *("10.1.1.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "fd00:ec2::254"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1"),
    ],
    "never": [
        *("0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::"),
        *("::127.0.0.1", "2002:7f00:1::", "2001:0:1::1", "ff02::1", "2001:db8::1", "fec0::1"),
        *("64:ff9b:1::7f00:1", "64:ff9b::", "::ffff:0.0.0.0", "198.18.0.1", "100::1"),
    ],
}


@pytest.mark.parametrize(
    ("address", "place"), [(one, place) for place, every in PLACES.items() for one in every]
)
def test_an_address_belongs_to_its_network(address: str, place: str) -> None:
    assert place_of(ipaddress.ip_address(address)) == place
    for network in NETWORKS:
        opened = RemoteImages(networks={network})._may_reach(
            place_of(ipaddress.ip_address(address))
        )
        assert opened == (place in ("public", network))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificates")
def test_a_host_must_prove_its_name_and_not_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolves(monkeypatch, "127.0.0.1")
    for name, reached in (("images.example", True), ("other.example", False)):
        certificate, key = _certificate(tmp_path, name)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(certificate, key)
        trusting = partial(ssl.create_default_context, cafile=certificate)
        with _open(ThreadingHTTPServer(("127.0.0.1", 0), _Shop)) as server:
            server.socket = serving.wrap_socket(server.socket, server_side=True)
            url = base(server, "images.example").replace("http:", "https:")
            assert refused(f"{url}a", url, networks={"loopback"}) == 422, "of an unknown maker"
            with monkeypatch.context() as patch:
                patch.setattr("online.service.remote_images._certificates", trusting)
                if reached:
                    assert fetched(f"{url}a", url, networks={"loopback"}) == PHOTO
                else:
                    assert refused(f"{url}a", url, networks={"loopback"}) == 422


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    making = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    making += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        "-addext",
        f"subjectAltName=DNS:{name}",
    ]
    making += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(making, check=True, capture_output=True)
    return certificate, key


@given(st.ip_addresses(v=4))
def test_writing_an_address_as_ipv6_changes_nothing(address: ipaddress.IPv4Address) -> None:
    for network in ("::ffff:0:0", "64:ff9b::"):
        written = ipaddress.IPv6Address(int(ipaddress.IPv6Address(network)) + int(address))
        assert place_of(written) == place_of(address)


@given(st.text(max_size=60), st.sampled_from(["http://images.example/", "http://"]))
def test_any_text_parses_to_nothing_or_to_what_it_writes(text: str, start: str) -> None:
    address = parse_address(start + text)
    if address is not None:
        assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "prefix", ["", "*", "images.example", "https://", "https://*.example/", "https://a.example/?x"]
)
def test_a_prefix_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError):
        parse_prefix(prefix)


async def _streamed() -> AsyncIterator[bytes]:
    yield PHOTO


def test_certificates_are_checked_against_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address, the name goes into TLS and the Host header."""
    sent: list[httpx.Request] = []

    async def handle(self: Any, request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=_streamed())

    _resolves(monkeypatch, "2606:4700::1")
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    assert fetched("https://images.example/a?size=2", "https://images.example/") == PHOTO
    (request,) = sent
    assert str(request.url) == "https://[2606:4700::1]/a?size=2"
    assert request.headers["host"] == "images.example"
    assert request.extensions["sni_hostname"] == "images.example"
    assert "cookie" not in request.headers and "authorization" not in request.headers
