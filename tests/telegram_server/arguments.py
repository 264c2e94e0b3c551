"""The arguments of a request: "URL query string, application/x-www-form-urlencoded, application/json, multipart/form-data"
(https://core.telegram.org/bots/api#making-requests), all made text.
"""

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from tests.telegram_server.refusal import bad_request


async def read_arguments(request: web.BaseRequest) -> dict[str, str]:
    """Names and values of the body; of an uploaded file the field's name and its file name."""
    if not request.can_read_body:
        return {}
    kind = request.content_type
    if kind == "application/json":
        return _of_json(await request.read())
    if kind == "multipart/form-data":
        return await _of_parts(request)
    return dict(parse_qsl((await request.read()).decode(errors="replace"), keep_blank_values=True))


def text_of(value: Any) -> str:
    """A JSON value as an argument: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _of_json(body: bytes) -> dict[str, str]:
    try:
        given = msgspec.json.decode(body) if body.strip() else {}
    except msgspec.DecodeError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(given, dict):
        raise bad_request("can't parse JSON object")
    return {name: text_of(value) for name, value in given.items() if value is not None}


async def _of_parts(request: web.BaseRequest) -> dict[str, str]:
    arguments: dict[str, str] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, str):
            arguments[name] = value
        elif isinstance(value, web.FileField):
            arguments[name] = value.filename
    return arguments
