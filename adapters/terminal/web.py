"""The dialogue of a running instance, over its web chat API: survives its restarts, sends nothing twice."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress

import aiohttp

from adapters.terminal.backoff import Backoff
from adapters.terminal.chat import Happening, LinkBack, LinkLost, Refused, SessionLost
from adapters.terminal.session import UNKNOWN_SESSION, Denied, Later, Session, Tokens, pause_s
from adapters.terminal.sse import EventReader
from adapters.terminal.wire import Accepted, Turns, read
from bot.errors import SettingsError
from bot.views import PreviewGone, StatusChanged, TurnAdded, TurnView

OPENING_S = 20.0
UNKNOWN_CURSOR = 400
# the instance sends at least a heartbeat every 15 s
STREAM = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=45)


class WebChat:
    """`Chat` over the web API at `url`. Close it."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self._url = url
        self._session = Session(url, tokens)
        self._stream: aiohttp.ClientResponse | None = None
        self._followed = ""
        self._follows = asyncio.Event()
        self._cursor = ""
        self._conversation = ""
        self._last_seq = 0

    async def close(self) -> None:
        await self._session.close()

    async def history(self) -> tuple[TurnView, ...]:
        try:
            async with asyncio.timeout(OPENING_S):
                page = await self._page()
        except (TimeoutError, Denied) as error:
            raise SettingsError(f"{self._url} answers, but its chat does not: is it a Frontdesk?") from error
        self._followed, self._conversation, self._cursor = self._session.token, page.conversation, page.cursor
        self._last_seq = max((view.seq for view in page.turns), default=0)
        return tuple(page.turns)

    async def say(self, text: str) -> int | Refused | None:
        body = {"id": secrets.token_urlsafe(12), "text": text}
        try:
            accepted = await self._session.call("POST", "/messages", Accepted, body)
        except Denied as denied:
            return Refused(str(denied))
        await self._followed_on()
        return accepted.seq

    async def stop(self) -> None:
        with suppress(Denied):
            await self._session.call("POST", "/stop", dict[str, object], {})

    async def events(self) -> AsyncIterator[Happening]:
        failures, backoff = 0, Backoff()
        while True:
            wait_s = 0.0
            try:
                async with aclosing(self._listen()) as listening:
                    async for happening in listening:
                        if failures > 1:
                            yield LinkBack()
                        failures = 0
                        backoff.reset()
                        if happening is not None:
                            yield happening
            except (aiohttp.ClientError, TimeoutError, Later, Denied) as error:
                wait_s = error.after_s if isinstance(error, Later) else 0.0
                failures += 1
                yield PreviewGone()  # one still being made is shown again by the next connection
                if failures == 2:  # a connection that stands again at once is no news
                    yield LinkLost()
            await asyncio.sleep(backoff.next(wait_s))

    async def _listen(self) -> AsyncGenerator[Happening | None, None]:
        """One connection's events; None first of all, once it stands. Raises Later at its end."""
        if self._followed != self._session.token:
            self._followed, self._cursor, self._conversation, self._last_seq = self._session.token, "", "", 0
            yield SessionLost()
            self._follows.set()
        headers = self._session.headers(self._followed) | ({"Last-Event-ID": self._cursor} if self._cursor else {})
        async with self._session.http.get(self._session.at("/events"), headers=headers, timeout=STREAM) as self._stream:
            if self._stream.status == UNKNOWN_SESSION:
                await self._session.renew(self._followed)
                return
            if self._stream.status == UNKNOWN_CURSOR:
                for missed in await self._catch_up():
                    yield missed
                return
            if not self._stream.ok:
                raise Later(pause_s(self._stream))
            yield None
            reader = EventReader()
            async for data in self._stream.content.iter_any():
                for happening in self._take(reader, data):
                    yield happening
        raise Later

    def _take(self, reader: EventReader, data: bytes) -> Iterator[Happening]:
        try:
            for event in reader.feed(data):
                self._cursor = event.cursor or self._cursor
                happening = read(event)
                if happening is not None:
                    self._note(happening)
                    yield happening
        except ValueError as error:
            raise Later from error

    async def _catch_up(self) -> list[Happening]:
        """The log was cut behind our cursor: what we miss is taken from the record, and its cursor followed."""
        page = await self._page()
        missed: list[Happening] = []
        if page.conversation != self._conversation:
            missed.append(StatusChanged(page.cursor, page.conversation, "opened"))
            self._last_seq = 0
        missed += [TurnAdded(page.cursor, view) for view in page.turns if view.seq > self._last_seq]
        for happening in missed:
            self._note(happening)
        self._cursor = page.cursor
        return missed

    async def _page(self) -> Turns:
        return await self._session.call("GET", "/turns?after=0", Turns)

    async def _followed_on(self) -> None:
        """What was said in a fresh session is told only after SessionLost: its seqs must not be taken for the former ones."""
        while self._followed != self._session.token:
            self._follows.clear()
            if self._stream is not None:
                self._stream.close()  # it may be silent for long
            await self._follows.wait()

    def _note(self, happening: Happening) -> None:
        """Where the dialogue stands, should the cursor be lost."""
        match happening:
            case StatusChanged(_, conversation, "opened"):
                self._conversation, self._last_seq = conversation, 0
            case TurnAdded(_, view):
                self._last_seq = max(self._last_seq, view.seq)
