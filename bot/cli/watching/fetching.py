"""One bounded question to a process that tells its figures."""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.cli.watching.exposition import Exposition, Unreadable, read

MOST_BYTES = 8 << 20  # a hundred replicas
TIMEOUT_S = 3.0


class Unreachable(Exception):
    """No figures from there; the text says why, in a few words."""


async def figures(http: aiohttp.ClientSession, url: str, key: str) -> Exposition:
    """What `url`/metrics says now. Raises Unreachable."""
    status, body = await _get(http, f"{url}/metrics", key)
    if status == 401:
        raise Unreachable("wants a key: set [serving] api_key, or [generation] api_key")
    if status != 200:
        raise Unreachable(f"answers {status} to /metrics")
    try:
        return read(body.decode(errors="replace"), time.monotonic(), time.time())
    except Unreadable:
        raise Unreachable("does not tell figures as Prometheus reads them") from None


async def readiness(http: aiohttp.ClientSession, url: str) -> Mapping[str, object]:
    """The detail of /readyz, whether the process is ready or not. Raises Unreachable."""
    _, body = await _get(http, f"{url}/readyz", "")
    try:
        detail: Any = json.loads(body)
    except ValueError:
        raise Unreachable("is no Frontdesk") from None
    return detail if isinstance(detail, dict) else {}


async def _get(http: aiohttp.ClientSession, url: str, key: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with http.get(url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unreachable(f"tells more than {MOST_BYTES >> 20} MiB")
            return answer.status, bytes(body)
    except TimeoutError:
        raise Unreachable(f"does not answer within {TIMEOUT_S:.0f} s") from None
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"cannot be reached: {_told(error.os_error)}") from None
    except (aiohttp.ClientError, asyncio.IncompleteReadError, ValueError) as error:
        raise Unreachable(f"does not answer as it should: {type(error).__name__}") from None


def _told(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else error.strerror or "no such host"
