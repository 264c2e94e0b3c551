"""Binding a port: waits a bounded time for one that a dying process still holds, and says so."""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import SettingsError

WAIT_S = 15.0
RETRY_S = 0.1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen. `section` and `prefix` name the settings for errors: [web] private_port. Port 0: any free one."""

    section: str
    prefix: str
    host: str
    port: int

    def named(self, key: str) -> str:
        return f"[{self.section}] {self.prefix}{key}"


async def listen(endpoint: Endpoint, *, say: Callable[[str], None], wait_s: float = WAIT_S) -> socket.socket:
    """A listening socket. Raises SettingsError naming the setting when the port stays taken or the host is not ours."""
    clock = asyncio.get_running_loop().time
    until, told = clock() + wait_s, False
    while True:
        try:
            return _bind(endpoint)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"{_blamed(endpoint, error)}: {error.strerror or error}") from error
            if clock() >= until:
                raise SettingsError(
                    f"{endpoint.named('port')}: {endpoint.host}:{endpoint.port} is taken by another program; "
                    "stop it or set another port"
                ) from error
        if not told:
            told = True
            say(f"port {endpoint.port} is still taken; waiting for it, {wait_s:.0f} s at most")
        await asyncio.sleep(RETRY_S)


def _bind(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    bound = socket.create_server((endpoint.host, endpoint.port), family=family, backlog=2048)
    bound.setblocking(False)
    return bound


def _blamed(endpoint: Endpoint, error: OSError) -> str:
    wrong_port = error.errno in {errno.EACCES, errno.EPERM}
    return f"{endpoint.named('port')}: {endpoint.port}" if wrong_port else f"{endpoint.named('host')}: {endpoint.host}"


def link(bound: socket.socket, scheme: str = "http") -> str:
    """The address of a listening socket as a person would open it."""
    host, port = bound.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  comparing, not binding
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
