"""The whole product in this process, put together by its own composition root, without HTTP in front of it."""

import asyncio
import gc
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast

import sqlalchemy as sa

from adapters.web.routes import ACCOUNT
from bot.cli.dialogue import Dialogue, assemble, open_intake
from bot.cli.generation import Generation
from bot.cli.opening import settle_in
from bot.events import Author, ChannelAddress, MessageReceived, Received
from bot.generation.client import Deadlines, GenerationClient
from bot.metrics import Metrics
from bot.secret import Secret
from bot.settings import ConversationSettings, DatabaseSettings, GenerationSettings, WorkspaceSettings
from bot.store.ids import new_id
from bot.store.postgres import PostgresStore
from bot.store.sqlite import SqliteStore
from bot.store.store import Store
from bot.store.tables import metadata, reply_trace
from bot.views import ChatEvent, TurnAdded, TurnView

PATIENT = Deadlines(120, 60, 600)


class Remote(NamedTuple):
    """A generation server that runs elsewhere; `url` ends in /v1."""

    url: str
    model: str = "scripted"
    api_key: str = ""


@dataclass
class Product:
    """The parts of `frontdesk run` behind its listeners, and customers' ways in and out."""

    store: Store
    dialogue: Dialogue
    _sent: "itertools.count[int]" = field(default_factory=itertools.count)
    _start: str = field(default_factory=new_id)

    async def hear(self, who: str, text: str) -> None:
        """A customer writes; returns once it is accepted."""
        event = MessageReceived(address(who), Author(who), text, datetime.now(UTC))
        key = f"{self._start}:{next(self._sent)}"
        await self.dialogue.intake.receive([Received(ACCOUNT, key, text.encode(), event)])

    def following(self, who: str, cursor: str | None = None) -> "aclosing[AsyncGenerator[ChatEvent, None]]":
        """What a customer sees, past `cursor`; for an `async with`."""
        return aclosing(cast("AsyncGenerator[ChatEvent, None]", self.dialogue.record.follow(address(who), cursor)))

    async def answer(self, who: str, through: int) -> TurnView:
        """Follow the record until the bot turn that answers the customer's turn `through`."""
        async with self.following(who) as events:
            async for event in events:
                if isinstance(event, TurnAdded) and event.turn.role == "bot" and (event.turn.in_reply_to or 0) >= through:
                    return event.turn
        raise AssertionError("the record never ends")

    async def tokens(self) -> int:
        """Output tokens of all answers, as the node counted them."""
        return int(await self.store.read(lambda connection: connection.scalar(_TOKENS)) or 0)


_TOKENS = sa.select(sa.func.sum(reply_trace.c.output_tokens))


def address(who: str) -> ChannelAddress:
    return ChannelAddress(ACCOUNT.channel, ACCOUNT.name, who)


def make_tables(url: str) -> None:
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()


async def open_store(url: str) -> Store:
    """The store of a URL, whose tables are there."""
    parsed = sa.make_url(url)
    if parsed.drivername == "sqlite":
        return await SqliteStore.open(Path(parsed.database or ""))
    return await PostgresStore.open(parsed)


@asynccontextmanager
async def product(
    url: str, remote: Remote, *, history_tokens: int = 0, max_tokens: int = 512, prompt: str = "You help."
) -> AsyncIterator[Product]:
    """Running on the database of `url`, in which tables are. Settings are the defaults but for those given."""
    store = await open_store(url)
    client = GenerationClient(remote.url, remote.model, remote.api_key, PATIENT, connections=264)
    accounts = await settle_in(store, WorkspaceSettings(prompt=prompt, greeting=""), {ACCOUNT: ""})
    metrics, conversation = Metrics(), ConversationSettings(history_tokens=history_tokens)
    dialogue = assemble(
        store=store,
        accounts=accounts,
        intake=open_intake(store, accounts, conversation, metrics),
        client=client,
        generation=Generation(remote.url, remote.model, remote.api_key, 0),
        settings=GenerationSettings(url=remote.url, model=remote.model, max_tokens=max_tokens, temperature=0.0),
        conversation=conversation,
        database=DatabaseSettings(url=url),
        secret=Secret(b"benchmark" * 4),
        metrics=metrics,
        routes=lambda: [""],
        held=list,
    )
    gc.collect()
    gc.freeze()  # as `frontdesk run` does
    stopping = asyncio.Event()
    parts = (dialogue.worker, dialogue.jobs, dialogue.notices, dialogue.line)
    tasks = [asyncio.create_task(part.run(stopping)) for part in parts]
    try:
        yield Product(store, dialogue)
    finally:
        stopping.set()
        await asyncio.gather(*tasks)
        await client.close()
        await store.close()
        gc.unfreeze()
