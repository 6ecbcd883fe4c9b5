"""The gate: keys, scopes, hosts, origins and rates, judged before a byte of the body is read."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from engine.errors import ConfigError
from online.service.access import LOOPBACK_HOSTS, needed_scope
from online.service.exchange import CONTENT_SECURITY_POLICY
from online.service.gate import Gate, GateOptions
from online.service.keys import KeyFile
from online.service.logs import log_to
from online.service.metrics import Metrics
from online.service.rates import Rate
from tests.online.service.asgi import request, send_request
from tests.online.service.gated import gated

SITE = "https://shop.example"
BIG = [b"x" * 2**20] * 4


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_to(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


READ = [("GET", "/v1/galleries"), ("GET", "/v1/products/a/b"), ("GET", "/metrics")]
READ += [("POST", "/v1/query"), ("POST", "/v1/query:batch"), ("POST", "/v1/mask")]
CURATE = [("PUT", "/v1/products/a"), ("POST", "/v1/judgements"), ("GET", "/v1/review/masks")]
OPEN = [("GET", "/"), ("GET", "/v1/health")]


@pytest.mark.parametrize(("method", "path"), [*OPEN, *READ, *CURATE])
def test_a_key_opens_what_its_scope_names(keys: KeyFile, method: str, path: str) -> None:
    app = gated(keys=keys)
    read, curate = keys.add("shop", "read"), keys.add("office", "curate")
    got = [
        request(app, method, path, headers=headers, body=[b"xx"])
        for headers in ({}, bearer("psk_wrong"), bearer(read), bearer(curate))
    ]
    expected = [401, 401, 403, 200] if (method, path) in CURATE else [401, 401, 200, 200]
    if (method, path) in OPEN:
        expected = [200] * 4
    assert [reply.status for reply in got] == expected
    for reply in got:
        if reply.status > 400:
            assert reply.problem["remedy"] and reply.read_before == 0
    if expected[0] == 401:
        assert got[0].headers["www-authenticate"] == "Bearer"
    keys.revoke("office")
    assert request(app, method, path, headers=bearer(curate)).status == expected[0]


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer {key}"), ("authorization", "Bearer {key}")],
        [("authorization", "Basic {key}")],
        [("authorization", "Bearer{key}")],
        [("authorization", "{key}")],
        [("authorization", "")],
        [("x-api-key", "{key}")],
        [("cookie", "key={key}")],
    ],
)
def test_a_key_sent_in_another_way_opens_nothing(
    keys: KeyFile, headers: list[tuple[str, str]]
) -> None:
    secret = keys.add("shop", "read")
    sent = [(name, value.format(key=secret)) for name, value in headers]
    assert request(gated(keys=keys), path="/v1/galleries", headers=sent).status == 401


def test_a_damaged_key_file_closes_the_service(keys: KeyFile, log: io.StringIO) -> None:
    secret = keys.add("shop", "read")
    keys.path.write_text("{")
    reply = request(gated(keys=keys), path="/v1/galleries", headers=bearer(secret))
    assert reply.status == 503 and str(keys.path) not in reply.body.decode()
    assert str(keys.path) in log.getvalue()
    assert request(gated(keys=keys), path="/v1/health").status == 200


def test_what_is_not_listed_needs_a_key_that_curates() -> None:
    assert needed_scope("POST", "/v1/new") == needed_scope("TRACE", "/v1/health") == "curate"
    assert needed_scope("GET", "/v1/new") == needed_scope("GET", "/v1/health/") == "read"
    assert needed_scope("POST", "/") == needed_scope("DELETE", "/app.js") == "curate"
    assert needed_scope("GET", "/app.js") is None


@given(st.sampled_from([path for _, path in READ + CURATE]), st.text("/ax1.", max_size=9))
def test_no_prefix_opens_the_interface(path: str, prefix: str) -> None:
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        assert needed_scope(method, f"/{prefix}{path}") is not None


def test_scopes_hold_below_the_path_of_a_proxy(keys: KeyFile) -> None:
    app, root = gated(keys=keys), "/catalogue"
    shop = bearer(keys.add("shop", "read"))
    for method, path in (*READ, *CURATE):
        assert request(app, method, root + path, root_path=root).status == 401
        got = request(app, method, root + path, headers=shop, root_path=root)
        assert got.status == (403 if (method, path) in CURATE else 200)
    assert request(app, path=f"{root}/v1/health", root_path=root).status == 200


@pytest.mark.parametrize("root", ["/catalogue", "/api/v1/x"])
def test_a_proxy_may_take_its_path_away_or_leave_it(keys: KeyFile, root: str) -> None:
    app = gated(keys=keys, root_path=root)
    shop = bearer(keys.add("shop", "read"))
    for start in (root, ""):
        for method, path in (*READ, *CURATE):
            assert request(app, method, start + path).status == 401
            got = request(app, method, start + path, headers=shop)
            assert got.status == (403 if (method, path) in CURATE else 200)
        assert request(app, path=f"{start}/v1/health").status == 200


@pytest.mark.parametrize("root", ["catalogue", "/catalogue/", "/", "/a b", "/a//b", "/\u00e4"])
def test_a_root_path_that_is_none_is_refused(root: str) -> None:
    with pytest.raises(ConfigError):
        GateOptions(root_path=root)


@pytest.mark.parametrize(
    "raw",
    [
        b"/v1/products/../galleries",
        b"/v1/products/%2e%2e/galleries",
        b"/v1/products/%2E%2e%2fgalleries",
        b"/v1/products/..%5cgalleries",
        b"/v1/products/%252e%252e%252fgalleries",
        b"/v1/products/./a",
        b"/v1/products/a%00b",
        b"/v1/products/a%2500b",
        b"/v1/products/a%0d%0aset-cookie:x",
        b"/v1/products/%ff%fe",
        b"/v1/products/%c0%ae%c0%ae/x",
    ],
)
def test_a_path_that_climbs_or_cannot_be_read_is_refused(raw: bytes) -> None:
    from urllib.parse import unquote

    reply = request(gated(), path=unquote(raw.decode()), raw_path=raw)
    assert reply.status == 400 and reply.problem["detail"]


@pytest.mark.parametrize("product", ["a/b", "..a", "50%", "a..b/c...", "Dose gr\u00fcn", "a\\b"])
def test_the_names_of_products_pass(product: str) -> None:
    from urllib.parse import quote

    path = f"/v1/products/{product}"
    reply = request(gated(), path=path, raw_path=quote(path, safe="/").encode())
    assert json.loads(reply.body) == {"product": product}


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost:8000@evil.example", False),
        ("127.0.0.1.nip.io", False),
        ("evil.example:80, localhost", False),
        ("", False),
    ],
)
def test_on_loopback_only_names_of_this_machine_pass(host: str, passes: bool) -> None:
    app = gated(hosts=LOOPBACK_HOSTS)
    for path in ("/", "/v1/galleries"):
        assert request(app, path=path, headers={"host": host}).status == (200 if passes else 400)
    two = [("host", "localhost"), ("host", "evil.example")]
    assert request(app, headers=two).status == 400


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": SITE, "sec-fetch-site": "same-origin"}, True),  # behind a proxy
        ({"sec-fetch-site": "none"}, True),
        ({"origin": SITE}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://localhost:9000"}, False),
        ({"origin": SITE, "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://localhost:8000", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_pages_of_other_sites_can_post_nothing(headers: dict[str, str], passes: bool) -> None:
    for path in ("/v1/query", "/v1/judgements"):
        reply = request(gated(), "POST", path, headers=headers, body=[b"xx"])
        assert reply.status == (200 if passes else 403)
        assert passes or reply.read_before == 0
        assert "access-control-allow-origin" not in reply.headers
    allowed = gated(origins={SITE, "null-is-never-one"} - {"null-is-never-one"})
    if headers.get("origin") == SITE:
        assert request(allowed, "POST", "/v1/query", headers=headers).status == 200


def test_preflight_is_answered_before_any_key_for_allowed_origins_alone(keys: KeyFile) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "x"}
    app = gated(keys=keys, origins={SITE})
    reply = request(app, "OPTIONS", "/v1/query", headers={**asks, "origin": SITE})
    assert reply.status == 204 and reply.headers["access-control-allow-origin"] == SITE
    assert "authorization" in reply.headers["access-control-allow-headers"]
    assert "PUT" in reply.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in reply.headers
    for origin in ("https://evil.example", "null", f"{SITE}.evil.example", "http://shop.example"):
        for one in (app, gated(keys=keys)):
            reply = request(one, "OPTIONS", "/v1/query", headers={**asks, "origin": origin})
            assert reply.status == 403
            assert not any(name.startswith("access-control") for name in reply.headers)


def test_an_allowed_page_can_read_answers_and_refusals(keys: KeyFile) -> None:
    app = gated(keys=keys, origins={SITE})
    refused = request(app, path="/v1/galleries", headers={"origin": SITE})
    answered = request(app, path="/v1/health", headers={"origin": SITE})
    for reply in (refused, answered):
        assert reply.headers["access-control-allow-origin"] == SITE
        assert "Origin" in reply.headers["vary"]
        assert "etag" in reply.headers["access-control-expose-headers"]
    other = request(app, path="/v1/health", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers and "Origin" in other.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "shop.example", "https://shop.example/", "https://a@shop.example", ""),
        *("ftp://shop.example", "https://Shop.example", "https://shop.example:0", "https://"),
        *("https://shop.example:x", "https://sh\u00f6p.example", "https://[::1", "https://*.x"),
    ],
)
def test_an_origin_that_no_browser_sends_cannot_be_allowed(origin: str) -> None:
    with pytest.raises(ConfigError):
        GateOptions(origins={origin})


def test_every_answer_has_the_headers_of_security(keys: KeyFile) -> None:
    app = gated(keys=keys)
    for path, status in (("/", 200), ("/nowhere", 404), ("/v1/galleries", 401), ("/%2e", 400)):
        reply = request(app, path=path)
        assert reply.status == status
        assert reply.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert len(reply.headers["x-request-id"]) >= 8
    own = request(gated(), path="/v1/own")
    assert own.headers["cache-control"] == "max-age=60" and "set-cookie" not in own.headers


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        *(("0a1b-2c3d", True), ("x" * 64, True), ("short", False), ("x" * 65, False)),
        *(("a b c d e f", False), ("id\u00e9\u00e9\u00e9\u00e9", False), ('{"a":"b"}', False)),
    ],
)
def test_a_request_id_is_taken_over_where_it_is_harmless(sent: str, kept: bool) -> None:
    reply = request(gated(), headers={"x-request-id": sent})
    assert (reply.headers["x-request-id"] == sent) == kept
    assert json.loads(reply.body)["id"] == reply.headers["x-request-id"]
    twice = [("x-request-id", "0a1b-2c3d"), ("x-request-id", "0a1b-2c3e")]
    assert not request(gated(), headers=twice).headers["x-request-id"].startswith("0a1b-2c")


def test_too_many_requests_of_a_key_wait_and_others_do_not(keys: KeyFile) -> None:
    app = gated(keys=keys, rate=Rate(per_second=0.01, burst=3))
    shop, office = bearer(keys.add("shop", "read")), bearer(keys.add("office", "read"))
    got = [request(app, path="/v1/galleries", headers=shop) for _ in range(5)]
    assert [reply.status for reply in got] == [200, 200, 200, 429, 429]
    assert 1 <= int(got[-1].headers["retry-after"]) <= 100 and got[-1].problem["remedy"]
    assert request(app, path="/v1/galleries", headers=office).status == 200
    assert request(app, path="/v1/health").status == 200


def test_guessing_keys_is_limited_by_address(keys: KeyFile) -> None:
    app = gated(keys=keys, rate=Rate(per_second=0.01, burst=2))
    secret = keys.add("shop", "read")
    guesses = [
        request(app, path="/v1/galleries", headers=bearer(f"psk_{i}"), client="192.0.2.1").status
        for i in range(4)
    ]
    assert guesses == [401, 401, 429, 429]
    assert request(app, path="/v1/galleries", client="192.0.2.2").status == 401
    sent = request(app, path="/v1/galleries", headers=bearer(secret), client="192.0.2.1")
    assert sent.status == 200, "a valid key counts by itself"


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not() -> None:
    app = gated(max_bytes=1000)
    for size, status in ((1000, 200), (1001, 413)):
        for length in ({"content-length": str(size)}, {"transfer-encoding": "chunked"}):
            body = [b"x" * 250] * 4 + [b"x" * (size - 1000)]
            reply = request(app, "POST", "/v1/query", headers=length, body=body)
            assert reply.status == status
            assert status == 200 or "content-length" not in length or reply.read_before == 0
    many = request(app, "POST", "/v1/query:batch", headers={"content-length": "1001"})
    assert many.status == 200, "a batch has a limit of its own"
    headers = {"content-type": "application/json", "content-length": "1001"}
    for path in ("/v1/query", "/v1/query:batch"):
        assert request(gated(max_bytes_of_json=1000), "POST", path, headers=headers).status == 413


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "\u00b2", "9" * 30, ""])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    reply = request(gated(), "POST", "/v1/query", headers={"content-length": length})
    assert reply.status == 400 and reply.read_before == 0


def test_a_form_that_breaks_the_limit_midway_is_too_large_and_not_malformed() -> None:
    begun = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    headers = {
        "content-type": "multipart/form-data; boundary=b",
        "transfer-encoding": "chunked",
    }
    app = gated(max_bytes=2**20)
    reply = request(app, "POST", "/v1/form", headers=headers, body=[begun, *BIG])
    assert reply.status == 413 and reply.problem["remedy"]
    assert reply.headers["connection"] == "close"
    bodies = [message for message in reply.messages if message["type"] == "http.response.body"]
    assert json.loads(bodies[0]["body"]), "the whole answer is sent before the rest is read"


def test_a_slow_body_ends_at_its_deadline() -> None:
    async def dripping() -> Any:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.02)

    app = gated(body_seconds=0.1)
    headers = {"content-length": "100"}
    reply = request(app, "POST", "/v1/query", headers=headers, body=dripping())
    assert reply.status == 408 and reply.problem["detail"]


def test_a_slow_reader_of_a_quick_client_is_not_refused() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            await asyncio.sleep(0.1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = Gate(slow, options=GateOptions(body_seconds=0.5), metrics=Metrics())
    assert request(app, "POST", "/v1/query", body=[b"x"] * 6).status == 200


@pytest.mark.parametrize(("how", "status"), [("image", 415), ("gallery", 503), ("bug", 500)])
def test_an_exception_is_a_problem_and_its_reason_in_the_log_alone(
    how: str, status: int, log: io.StringIO
) -> None:
    reply = request(gated(), path=f"/v1/fails/{how}")
    assert reply.status == status and "/srv" not in json.dumps(reply.problem)
    assert "secretsecret" not in log.getvalue()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert all(line["request_id"] == reply.headers["x-request-id"] for line in lines)
    assert any("traceback" in line for line in lines) == (status >= 500)


def test_an_exception_after_the_answer_began_does_not_escape() -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    reply = request(Gate(breaks, options=GateOptions(), metrics=Metrics()))
    assert reply.status == 200 and len(reply.messages) == 1


def test_a_request_is_logged_and_counted_by_its_template(keys: KeyFile, log: io.StringIO) -> None:
    metrics = Metrics()
    app = gated(metrics, keys=keys)
    secret = keys.add("shop", "read")
    request(app, path="/v1/products/very/secret", headers=bearer(secret))
    request(app, "POST", "/v1/query", headers=bearer(secret), body=[b"abc"])
    request(app, path="/secret/\x1b", raw_path=b"/secret/%1b")
    request(app, "SECRET", "/secret")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/v1/products/{product}", 200),
        ("/v1/query", 200),
        ("unmatched", 400),
        ("unmatched", 401),
    ]
    assert lines[1]["received"] == 3 and lines[1]["sent"] > 0 and lines[1]["key"] == "shop"
    text = metrics.text().decode()
    assert 'route="/v1/products/{product}",status="200"} 1.0' in text
    assert "secret" not in log.getvalue().lower() and "secret" not in text.lower()


def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/galleries", "headers": []}
    asyncio.run(gated()(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_requests_at_once_keep_their_own_ids() -> None:
    async def all_of() -> list[str]:
        app = gated()
        sent = [f"request-{i:04}" for i in range(20)]
        got = await asyncio.gather(
            *(send_request(app, headers={"x-request-id": one}) for one in sent)
        )
        return [json.loads(reply.body)["id"] for reply in got]

    assert asyncio.run(all_of()) == [f"request-{i:04}" for i in range(20)]
