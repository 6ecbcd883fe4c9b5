"""Photos by their address: only where the operator allows it, and from where it names.

The address of a host is looked up once, judged, and connected to itself: a name that resolves to
another machine a moment later (DNS rebinding) leads nowhere else. Whether it is an image is
decided by decoding it.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Sequence, Set
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from online.service.logs import logger
from online.service.problems import RequestError
from online.service.web_addresses import (
    Address,
    Network,
    Place,
    WebAddress,
    is_below,
    parse_address,
    place_of,
)

_REDIRECTS = 3
_LEADING_ON = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class RemoteImages:
    """What may be fetched: addresses that begin with one of ``prefixes``; hosts in this machine's
    own ``networks`` only where these are named, one by one."""

    prefixes: Sequence[WebAddress] = ()
    networks: Set[Network] = frozenset()
    max_bytes: int = 32 * 2**20
    seconds: float = 10.0  # for all of it, redirects too

    async def fetch(self, url: str) -> bytes:
        """The bytes at ``url``. RequestError 403 (not allowed), 413, 422 (cannot be fetched)."""
        try:
            async with asyncio.timeout(self.seconds):
                return await self._fetched(url)
        except TimeoutError:
            raise _unfetched("took too long") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            logger.warning("photo not fetched: %s", type(error).__name__)
            raise _unfetched("the host did not answer as expected") from error

    async def _fetched(self, url: str) -> bytes:
        address = self._allowed(url)
        for _ in range(_REDIRECTS + 1):
            found = await self._get(address)
            if isinstance(found, bytes):
                return found
            address = self._allowed(urljoin(str(address), found))
        raise _unfetched("leads on and on")

    def _allowed(self, url: str) -> WebAddress:
        address = parse_address(url)
        if address is None or not any(is_below(address, prefix) for prefix in self.prefixes):
            raise _forbidden()
        return address

    async def _get(self, address: WebAddress) -> bytes | str:
        """The content, or where it leads to."""
        pinned = address.pinned(await self._resolved(address))
        headers = {
            "host": address.host_header,
            "accept": "image/*",
            "accept-encoding": "identity",  # nothing that grows when it is unpacked
            "user-agent": "packsight",
        }
        # Certificates are those of the name, not of the address that is connected to.
        extensions = {"sni_hostname": address.host}
        async with (
            httpx.AsyncClient(verify=_certificates(), trust_env=False, timeout=None) as client,
            client.stream("GET", pinned, headers=headers, extensions=extensions) as answer,
        ):
            if answer.status_code in _LEADING_ON and "location" in answer.headers:
                return str(answer.headers["location"])
            if answer.status_code != 200:
                raise _unfetched(f"the host answered {answer.status_code}")
            return await self._read(answer)

    async def _read(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise _unfetched("the host packs its answer")
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > self.max_bytes:
                raise RequestError(413, f"url: has more than {self.max_bytes:,} bytes.")
        return bytes(content)

    async def _resolved(self, address: WebAddress) -> Address:
        """One address of the host, if all it has may be connected to."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise _unfetched("its host has no address") from None
        # A zone may follow an address of IPv6: fe80::1%eth0.
        hosts = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if not hosts or not all(self._may_reach(place_of(host)) for host in hosts):
            logger.warning("photo not fetched: its host is in a network that is closed")
            raise _forbidden()
        return hosts[0]

    def _may_reach(self, place: Place) -> bool:
        return place == "public" or place in self.networks


@functools.cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _forbidden() -> RequestError:
    # One sentence for every reason: others would map the networks behind this machine.
    return RequestError(
        403,
        "url: photos of this address may not be fetched.",
        remedy="Send the photo itself, or let the operator allow it: --allow-url PREFIX",
    )


def _unfetched(reason: str) -> RequestError:
    return RequestError(422, f"url: {reason}.", remedy="Send the photo itself.")
