"""One REST call as the handlers see it: who, what, and its body, JSON or multipart (docs: reference, "Uploading Files")."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import BodyPartReader, web

from tests.discord_server.clock import Clock
from tests.discord_server.limits import Limits
from tests.discord_server.records import Application, Attachment, Json
from tests.discord_server.refusals import Refusal, invalid_form, too_large, unauthorized


@dataclass(slots=True)
class Call:
    """`route` is the template, `ids` its parts by name; `bot` is None on routes that a token in the path opens."""

    method: str
    route: str
    ids: dict[str, str]
    query: Mapping[str, str]
    bot: Application | None
    body: Any = None
    files: list[Attachment] = field(default_factory=list)

    @property
    def app(self) -> Application:
        if self.bot is None:
            raise unauthorized()
        return self.bot

    @property
    def json(self) -> Json:
        """The body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise invalid_form("", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return self.body

    def number(self, name: str) -> int:
        return number(self.ids[name], name)


def number(given: Any, name: str) -> int:
    """A snowflake as the API takes it, string or number."""
    text = str(given)
    if not text.isascii() or not text.isdigit():
        raise invalid_form(name, "NUMBER_TYPE_COERCE", f'Value "{text[:40]}" is not snowflake.')
    return int(text)


async def read(request: web.BaseRequest, call: Call, clock: Clock, limits: Limits) -> None:
    """Fill in body and files; 50035 for a body that cannot be read, 40005 for a file that is too large."""
    if not request.can_read_body:
        return
    kind = request.content_type
    if kind == "multipart/form-data":
        await read_parts(request, call, clock, limits)
        return
    data = await request.read()
    if not data:
        return
    if kind != "application/json":
        raise invalid_form("", "CONTENT_TYPE_INVALID", "Expected \"Content-Type\" header to be one of {'application/json'}.")
    call.body = parsed(data)


def parsed(data: bytes | str) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise Refusal(400, 50109, "The request body contains invalid JSON.") from None


async def read_parts(request: web.BaseRequest, call: Call, clock: Clock, limits: Limits) -> None:
    described: dict[str, Json] = {}
    uploads: list[tuple[str, BodyPartReader, bytes]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.name == "payload_json":
            call.body = parsed(await part.text())
            described = {str(one.get("id")): one for one in message_part(call.json).get("attachments") or ()}
        elif (part.name or "").startswith("files["):
            content = bytes(await part.read(decode=False))
            if len(content) > limits.file_bytes:
                raise too_large()
            uploads.append((part.name or "", part, content))
    for name, part, content in uploads:
        about = described.get(name[6:-1], {})
        filename = about.get("filename") or part.filename or "unknown"
        kind = part.headers.get("Content-Type")
        call.files.append(Attachment(clock.snowflake(), filename, content, kind, about.get("description")))


def message_part(body: Json) -> Json:
    """Where the message is: in a forum post under `message`, in a callback under `data`."""
    inner: Json = body.get("message") or body.get("data") or body
    return inner
