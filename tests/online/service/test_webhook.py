"""The webhook: jobs that ended, posted and signed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.errors import ConfigError
from online.service.changes import Change
from online.service.job import Job
from online.service.webhook import SIGNATURE, Webhook, WebhookOptions, signed
from tests.online.service.small_service import make_gallery, photo_of, serving
from tests.online.service.test_service_writing import put

SECRET = b"0123456789abcdef"


@dataclass
class Receiver:
    """Answers with each of ``statuses`` and then with 204; keeps what it was sent."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    taken: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            receiver.signatures.append(self.headers[SIGNATURE])
            status = receiver.statuses.pop(0) if receiver.statuses else 204
            self.send_response(status)
            self.send_header("location", receiver.url)
            self.end_headers()
            if status == 204:
                receiver.taken.set()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/jobs"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    return tmp_path / "secret"


def job(identity: str = "a" * 16) -> Job:
    change = Change(kind="delete", product="p")
    return Job(1, identity, change, "done", 1, 1, "", 1, 1.0, 2.0, 3.0)


def test_the_end_of_a_job_is_posted_and_signed(secret: Path) -> None:
    with receiving() as receiver:
        webhook = Webhook(WebhookOptions(receiver.url, secret))
        webhook.start()
        webhook.notify("small", job())
        assert receiver.taken.wait(60)
        webhook.stop()
    (body,), (signature,) = receiver.bodies, receiver.signatures
    found = json.loads(body)
    assert (found["job"], found["gallery"], found["state"]) == ("a" * 16, "small", "done")
    moment, digest = re.fullmatch(r"t=(\d+),sha256=([0-9a-f]{64})", signature).groups()  # type: ignore[union-attr]
    assert digest == signed(SECRET, moment, body)
    document = (Path(__file__).parents[3] / "docs" / "service-writing.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", document, re.S)
    named: dict[str, Callable[[str, bytes, bytes], bool]] = {}
    exec(compile(example, "service-writing.md", "exec"), named)  # type: ignore[arg-type]
    assert named["is_ours"](signature, body, secret.read_bytes())
    assert not named["is_ours"](signature, body + b" ", secret.read_bytes())


@pytest.mark.parametrize("status", [500, 404, 307])
def test_a_post_is_tried_three_times_and_no_redirection_is_followed(
    secret: Path, status: int
) -> None:
    with receiving(status, status, status) as receiver:
        webhook = Webhook(WebhookOptions(receiver.url, secret, pauses=(0.0, 0.0)))
        webhook.start()
        webhook.notify("small", job("a" * 16))
        webhook.notify("small", job("b" * 16))
        assert receiver.taken.wait(60)
        webhook.stop()
    assert [json.loads(body)["job"] for body in receiver.bodies] == ["a" * 16] * 3 + ["b" * 16]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("webhook"))


def test_a_receiver_that_is_not_there_holds_up_nothing(gallery: Path, secret: Path) -> None:
    options = WebhookOptions("http://127.0.0.1:1/", secret)
    with serving(gallery, webhook=options) as client:
        for at in range(2):
            assert put(client, f"p{at}", photo_of("jar", at)).json()["state"] == "done"


def test_the_service_posts_the_end_of_its_jobs(gallery: Path, secret: Path) -> None:
    with (
        receiving() as receiver,
        serving(gallery, webhook=WebhookOptions(receiver.url, secret)) as client,
    ):
        done = put(client, "p", photo_of("jar", 1)).json()["job"]
        assert receiver.taken.wait(60)
    assert json.loads(receiver.bodies[0])["job"] == done


@pytest.mark.parametrize(
    "url", ["", "shop.example", "ftp://shop.example/", "http://a@shop.example/", "file:///etc"]
)
def test_an_address_that_is_none_is_refused(secret: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        WebhookOptions(url, secret)


def test_a_secret_that_is_short_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"0123456789abcde\n")
    for name in ("short", "none"):
        with pytest.raises(ConfigError):
            WebhookOptions("https://shop.example/", tmp_path / name)
