"""Five guarantees broken on purpose, one at a time, by wrappers: what shows that the oracle can fail.

`acknowledge_early`: a message is acknowledged a moment before it is committed. `past_epoch`: an answer is stored although its
conversation moved on. `regenerate`: a retry of a send makes the answer anew. `send_first`: an answer leaves before it is
stored. `no_dedup`: a repeated update is taken for a new one.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from functools import update_wrapper
from typing import Any

import sqlalchemy as sa

from bot.conversation.storing import Finished, store_answer
from bot.events import ChannelAddress, Received
from bot.generation.client import GenerationClient
from bot.generation.request import GenerationRequest, NodeProfile
from bot.ports import OutboundMessage, PushChannel
from bot.store import parties
from bot.store.ids import AddressId, new_id
from bot.store.sending import Sending
from bot.store.store import Store
from bot.store.tables import conversation, outbox
from tests.faults.wrapping import unit_name

MUTANTS = ("acknowledge_early", "past_epoch", "regenerate", "send_first", "no_dedup")
EARLY_S = 0.15


class Broken:
    """A store that passes everything on."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._store.write(unit, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class AcknowledgeEarly(Broken):
    """Finds out what the answer will be, says so, and commits a moment later."""

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit_name(unit) != "receiving.take":
            return await self._store.write(unit, *args, **kwargs)
        foreseen: list[Any] = []

        def rehearse(connection: sa.Connection) -> None:
            with connection.begin_nested() as savepoint:
                foreseen.append(unit(connection, *args, **kwargs))
                savepoint.rollback()

        await self._store.write(rehearse)
        later = asyncio.create_task(self._commit(unit, *args, **kwargs))
        _KEPT.add(later)
        later.add_done_callback(_KEPT.discard)
        return foreseen[0]

    async def _commit(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(EARLY_S)
        await self._store.write(unit, *args, **kwargs)


_KEPT: set[asyncio.Task[None]] = set()


class PastEpoch(Broken):
    """Takes whatever epoch the conversation has for the answer's own."""

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit is not store_answer:
            return await self._store.write(unit, *args, **kwargs)

        def store_anyway(connection: sa.Connection, finished: Finished, **named: Any) -> bool:
            claim = finished.question.claim
            here = conversation.c.conversation_id == claim.conversation_id
            epoch = connection.execute(sa.select(conversation.c.epoch).where(here)).scalar_one()
            connection.execute(sa.update(conversation).where(here).values(lease_owner="anyone"))
            question = replace(finished.question, claim=replace(claim, epoch=epoch))
            return store_answer(connection, replace(finished, question=question), **named)

        return await self._store.write(_named(store_anyway), *args, **kwargs)


def _named(unit: Callable[..., Any]) -> Callable[..., Any]:
    """The broken unit under the whole one's name, so that lives end around it as they do there."""
    return update_wrapper(unit, store_answer)


class Regenerate(Broken):
    """Before an answer is sent again it is made again."""

    def __init__(self, store: Store, client: GenerationClient) -> None:
        super().__init__(store)
        self._client = client

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = await self._store.write(unit, *args, **kwargs)
        if isinstance(result, Sending) and result.attempts > 1 and result.kind == "bot":
            asked = " ".join(re.findall(r"[a-z]\d+\.\d+", result.text))
            return replace(result, text=await self._again(asked))
        return result

    async def _again(self, asked: str) -> str:
        request = GenerationRequest((("user", asked),), salt="0a", route="0a", max_tokens=64, temperature=0.0)
        profile = NodeProfile(self._client.model, 4096, exact=False, extras=False)
        async with self._client.stream(request, profile) as deltas:
            return "".join([delta.text async for delta in deltas])


class SendFirst(Broken):
    """Sends an answer, then stores it as sent."""

    def __init__(self, store: Store, channel: PushChannel) -> None:
        super().__init__(store)
        self._channel = channel

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit is not store_answer or args[0].question.lane is None:
            return await self._store.write(unit, *args, **kwargs)
        question = args[0].question
        chat = await self._store.read(
            lambda c: parties.place(c, question.claim.workspace_id, AddressId(question.claim.address_id))[1]
        )
        message = OutboundMessage(new_id(), ChannelAddress("telegram", "main", chat), args[0].text)
        platform_id = await self._channel.send(message)

        def store_as_sent(connection: sa.Connection, finished: Finished, **named: Any) -> bool:
            more = store_answer(connection, finished, **named)
            row = sa.update(outbox).where(outbox.c.outbox_id == question.outbox_id)
            connection.execute(row.values(state="sent", platform_id=platform_id))
            return more

        return await self._store.write(_named(store_as_sent), *args, **kwargs)


class NoDedup(Broken):
    """Gives each update a key of its own."""

    async def write(self, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if unit_name(unit) == "receiving.take":
            accounts, batch, *rest = args
            args = (accounts, [_fresh(received) for received in batch], *rest)
        return await self._store.write(unit, *args, **kwargs)


def _fresh(received: Received) -> Received:
    return replace(received, key=new_id())


def broken(mutant: str, store: Store, client: GenerationClient) -> Store:
    """The store of a life, with the guarantee `mutant` broken where the store can break it."""
    match mutant:
        case "acknowledge_early":
            return AcknowledgeEarly(store)
        case "past_epoch":
            return PastEpoch(store)
        case "regenerate":
            return Regenerate(store, client)
        case "no_dedup":
            return NoDedup(store)
    return store


def sending_first(mutant: str, store: Store, channel: PushChannel) -> Store:
    """The store of the push account's manager."""
    return SendFirst(store, channel) if mutant == "send_first" else store
