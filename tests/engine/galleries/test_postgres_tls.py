"""Connections to PostgreSQL by TLS, as the address has it. The server of the tests is built without
TLS, so one that has it stands before it: as of PostgreSQL's protocol, encrypted before the first
message."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="cryptography is not installed")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.errors import GalleryError
from engine.galleries import open_gallery
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # SSLRequest
HOST = "127.0.0.1"


def certificate(folder: Path) -> Path:
    """Of HOST, signed by its own key; with that key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


class Front:
    """Takes TLS connections and hands what it reads to the server at ``port``."""

    def __init__(self, port: int, chain: Path) -> None:
        self._behind = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._context.set_alpn_protocols(["postgresql"])
        self.encrypted = 0
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError):
            if client.recv(8) != REQUEST:  # not encrypted: refused
                client.close()
                return
            client.sendall(b"S")
            inside = self._context.wrap_socket(client, server_side=True)
            self.encrypted += 1
            server = socket.create_connection((HOST, self._behind))
            threading.Thread(target=_pass_on, args=(server, inside), daemon=True).start()
            _pass_on(inside, server)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def front(postgres: PostgresServer, chain: Path) -> Iterator[Front]:
    found = Front(postgres.port, chain)
    yield found
    found.close()


def address(front: Front, **parameters: str | Path) -> str:
    more = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"postgresql://packsight@{HOST}:{front.port}/postgres?schema=tls{more}"


def test_a_gallery_is_written_and_searched_by_tls(front: Front, chain: Path) -> None:
    required = address(front, sslmode="require")
    with open_gallery(required, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    checked = address(front, sslmode="verify-full", sslrootcert=chain)
    with open_gallery(checked) as gallery:
        assert len(gallery.records([1])) == 1
    assert front.encrypted >= 2


def test_a_certificate_that_nobody_vouches_for_is_refused(
    front: Front, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = certificate(tmp_path_factory.mktemp("other"))
    with pytest.raises(GalleryError, match="certificate verify failed") as raised:
        open_gallery(address(front, sslmode="verify-full", sslrootcert=other))
    assert "sslrootcert" in raised.value.remedy


def test_a_server_without_tls_is_refused_where_it_is_required(postgres: PostgresServer) -> None:
    with pytest.raises(GalleryError, match="SSL") as raised:
        open_gallery(postgres.address(schema="tls", sslmode="require"))
    assert "sslmode" in raised.value.remedy
