"""POST /api/chat/sessions: a visitor arrives."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.web import bodies
from adapters.web.identity import HostIdentity
from adapters.web.refusals import invalid, json_response
from bot.events import AccountKey
from bot.ports import Sessions


class Arrival(msgspec.Struct):
    """An empty body opens an anonymous session; `user` and `signature` open one of the host site's signed-in user."""

    user: Annotated[str, msgspec.Meta(max_length=256)] = ""
    signature: Annotated[str, msgspec.Meta(max_length=128)] = ""


class SessionOpened(msgspec.Struct):
    session: str
    conversation: str


class SessionsEndpoint:
    """Opens sessions; the token is in the answer and nowhere else."""

    def __init__(self, account: AccountKey, sessions: Sessions, identity: HostIdentity) -> None:
        self._account = account
        self._sessions = sessions
        self._identity = identity

    async def open(self, request: Request) -> Response:
        arrival = await bodies.decode(request, Arrival)
        token, conversation = await self._sessions.open(self._account, self._user(arrival))
        return json_response(SessionOpened(token, conversation), 201)

    def _user(self, arrival: Arrival) -> str | None:
        if not arrival.user and not arrival.signature:
            return None
        if not arrival.user.isprintable() or bodies.is_blank(arrival.user):
            raise invalid("The user id must be printable text.")
        return self._identity.confirm(arrival.user, arrival.signature)
