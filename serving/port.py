"""The port of the node: a free one on demand, a held one awaited for a bounded time."""

import asyncio
import errno
import socket
import sys
import time

from serving.errors import ServingError
from serving.progress import Report


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address and not yet listening; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def free(host: str = "127.0.0.1") -> int:
    """A port that nobody holds now; raises OSError for an address that is not ours."""
    with bind(host, 0) as sock:
        return int(sock.getsockname()[1])


def is_held(host: str, port: int) -> bool:
    """Whether another process listens there; raises OSError for an address that is not ours."""
    try:
        with bind(host, port) as sock:
            sock.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return True
        raise
    return False


class Claim:
    """A port is the node's own from its start on, though its engine listens only once its weights are loaded. The system forgets
    the claim with the process. Where there are no names without files (only Linux has them) nothing is claimed.
    """

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def take(self, host: str, port: int) -> bool:
        """False while another node has it."""
        name = f"\0frontdesk-node-{host}:{port}"
        if name in self._held or sys.platform != "linux":
            return True
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            sock.bind(name)
        except OSError:
            sock.close()
            return False
        self._held[name] = sock
        return True

    def close(self) -> None:
        while self._held:
            self._held.popitem()[1].close()


async def settle(host: str, port: int, wait_s: float, report: Report, step_s: float = 0.5, *, claim: Claim | None = None) -> int:
    """The port to serve on: `port` once nobody holds it or claims it, or a free one for 0. Raises ServingError."""
    try:
        if port == 0:
            return free(host)
        await _await_free(host, port, wait_s, report, step_s, claim)
    except OSError as error:
        raise ServingError(f"serving.host {host}, serving.port {port}: {error.strerror or error}") from error
    return port


async def _await_free(host: str, port: int, wait_s: float, report: Report, step_s: float, claim: Claim | None) -> None:
    until = time.monotonic() + wait_s
    told = False
    while is_held(host, port) or not (claim is None or claim.take(host, port)):
        if time.monotonic() >= until:
            raise ServingError(f"serving.port {port} on {host} is held by another process: `ss -ltnp 'sport = :{port}'` names it")
        if not told:
            report.line(f"serving: waiting up to {wait_s:.0f} s for port {port}, which another process holds")
            told = True
        await asyncio.sleep(step_s)
