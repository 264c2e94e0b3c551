"""Bodies: read within a bound and a time, decoded strictly, text cleaned so that nothing behind trips over it."""

import asyncio
import re
import unicodedata
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from adapters.web import refusals

T = TypeVar("T")
READ_S = 15.0
SMALL = 8_192
_LIMIT_MESSAGE = "The request body is too long: at most {limit} bytes."

# PostgreSQL refuses NUL, terminals act on the others: a customer means none of them. Tab and line feed stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_UNSEEN = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))


async def decode(request: Request, shape: type[T], limit: int = SMALL) -> T:
    """The body as `shape`. Raises a Refusal: 413 over `limit` bytes, 408 too slow, 400 not JSON, 422 another shape."""
    raw = await _read(request, limit)
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise refusals.invalid(f"The body has another shape: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.malformed("The body is not JSON in UTF-8.") from error


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise _over(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _over(limit)
    except TimeoutError as error:
        raise refusals.too_slow() from error
    except ClientDisconnect as error:
        raise refusals.malformed("The body was cut off.") from error
    return bytes(body)


def _over(limit: int) -> refusals.Refusal:
    return refusals.Refusal(413, "too_long", _LIMIT_MESSAGE.format(limit=limit))


def clean(text: str) -> str:
    """Without control characters, with one kind of line end. The same text always cleans to the same text."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Nothing a reader could see: only spaces, line ends and invisible formatting."""
    return all(unicodedata.category(character) in _UNSEEN for character in text)
