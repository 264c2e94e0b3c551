"""Commands and presses: taken durably, and answered within Discord's three seconds whatever the database does.

Commands are deferred first, then stored: the answer may be ready within milliseconds of the commit and replaces the deferred
response, which therefore has to exist. What was surely not deferred is not stored either: the person sees that it failed.
Presses are stored first, since their acknowledgement shows nothing and says "done"; it goes out after the commit or, when that
takes long, before the three seconds end. "This was not taken" is said only once the store has surely refused: a commit that
takes long is waited for, never cancelled.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import discord
import structlog

from adapters.discord.buttons import REASON
from adapters.discord.callings import Callings
from adapters.discord.channel import NO_PINGS
from adapters.discord.originals import PATH
from adapters.discord.rest import REFUSED, UNANSWERED, Rest
from bot.errors import StoreUnavailable
from bot.events import AccountKey, Acted, DeadLettered, Ignored, Receipt, Received
from bot.ports import Intake

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"
SHOW, DEFER, DEFER_UPDATE, FORM = 4, 5, 6, 9
MOST_REASON = 1000
EPHEMERAL = 1 << 6
DEFER_WITHIN_S = 1.0
ACKNOWLEDGE_WITHIN_S = 1.5
ALREADY_ACKNOWLEDGED = 40060
MOST_AT_ONCE = 500
NOT_TAKEN = "This was not taken. Please try again."
log = structlog.get_logger(__name__)


class Interactions:
    """The `Desk` of the command tree, and of our buttons."""

    def __init__(self, account: AccountKey, rest: Rest, intake: Intake, counts: Counter[str]) -> None:
        self._account = account
        self._rest = rest
        self._intake = intake
        self._counts = counts
        self._callings = Callings(account)
        self._open = 0

    async def asked(self, interaction: discord.Interaction, text: str) -> None:
        await self._command(interaction, lambda: self._callings.question(interaction, text), private=False)

    async def asked_about(self, interaction: discord.Interaction, message: discord.Message) -> None:
        await self._command(interaction, lambda: self._callings.question_about(interaction, message), private=False)

    async def commanded(self, interaction: discord.Interaction, name: str, given: Mapping[str, str]) -> None:
        await self._command(interaction, lambda: self._callings.command(interaction, name, given), private=True)

    async def pressed(self, interaction: discord.Interaction, button: str, reason: str = "") -> None:
        """A press, or (`reason`) the form that one had opened."""
        received = self._callings.press(interaction, button, reason)
        await self._bounded(interaction, lambda: self._take_press(interaction, received, button))

    async def _command(self, interaction: discord.Interaction, translate: Callable[[], Received], *, private: bool) -> None:
        await self._bounded(interaction, lambda: self._take_command(interaction, translate(), private=private))

    async def _bounded(self, interaction: discord.Interaction, take: Callable[[], Awaitable[None]]) -> None:
        """No more than so many at once, and none from a place of a kind that nobody knows yet."""
        if self._open >= MOST_AT_ONCE or interaction.channel_id is None:
            self._counts["not_taken"] += 1
            await self._turn_away(interaction)
            return
        self._open += 1
        try:
            await take()
        finally:
            self._open -= 1

    async def _take_command(self, interaction: discord.Interaction, received: Received, *, private: bool) -> None:
        if not await self._defer(interaction, private=private):
            return
        receipt = await self._store(received)
        if receipt is None or isinstance(receipt, Ignored | DeadLettered):
            await self._change_original(interaction)

    async def _take_press(self, interaction: discord.Interaction, received: Received, button: str) -> None:
        storing = asyncio.create_task(self._store(received))
        done, _ = await asyncio.wait({storing}, timeout=ACKNOWLEDGE_WITHIN_S)
        taken = storing.result() if done else None
        if done and taken is None:
            await self._turn_away(interaction)
            return
        if isinstance(taken, Acted) and taken.ask:
            await self._quietly(self._respond(interaction, FORM, _form(button, taken.ask)))
            return
        await self._quietly(self._respond(interaction, DEFER_UPDATE, {}))
        receipt = await storing
        say = NOT_TAKEN if receipt is None else receipt.say if isinstance(receipt, Acted) else ""
        if say:
            await self._quietly(self._follow_up(interaction, say))

    async def _store(self, received: Received) -> Receipt | None:
        """None when surely nothing was stored."""
        try:
            return (await self._intake.receive([received]))[0]
        except StoreUnavailable:
            self._counts["not_taken"] += 1
            log.warning("discord.not_taken", account=self._account.name, key=received.key)
            return None

    async def _defer(self, interaction: discord.Interaction, *, private: bool) -> bool:
        """False when Discord surely does not show the response as deferred."""
        data = {"flags": EPHEMERAL} if private else {}
        try:
            async with asyncio.timeout(DEFER_WITHIN_S):
                await self._respond(interaction, DEFER, data)
        except discord.HTTPException as error:
            return self._maybe_deferred(error)
        except aiohttp.ClientConnectorError:
            return False
        except UNANSWERED:
            return True
        return True

    def _maybe_deferred(self, error: discord.HTTPException) -> bool:
        if error.status >= 500 or error.code == ALREADY_ACKNOWLEDGED:
            return True
        self._counts["not_deferred"] += 1
        log.warning("discord.not_deferred", account=self._account.name, status=error.status, code=error.code)
        return False

    async def _turn_away(self, interaction: discord.Interaction) -> None:
        await self._quietly(self._respond(interaction, SHOW, {**_words(NOT_TAKEN), "flags": EPHEMERAL}))

    async def _respond(self, interaction: discord.Interaction, kind: int, data: dict[str, Any]) -> None:
        where = {"interaction_id": str(interaction.id), "interaction_token": interaction.token}
        await self._rest.call("POST", CALLBACK, body={"type": kind, "data": data}, authorised=False, where=where)

    async def _change_original(self, interaction: discord.Interaction) -> None:
        where = {"webhook_id": str(interaction.application_id), "webhook_token": interaction.token}
        await self._quietly(self._rest.call("PATCH", PATH, body=_words(NOT_TAKEN), authorised=False, where=where))

    async def _follow_up(self, interaction: discord.Interaction, text: str) -> None:
        where = {"webhook_id": str(interaction.application_id), "webhook_token": interaction.token}
        body = {**_words(text), "flags": EPHEMERAL}
        await self._rest.call("POST", FOLLOW_UP, body=body, authorised=False, where=where)

    async def _quietly(self, words: Awaitable[None] | Awaitable[bytes]) -> None:
        """Best effort: what was stored is stored, whoever hears of it."""
        try:
            await words
        except (*REFUSED, *UNANSWERED) as error:
            self._counts["not_said"] += 1
            log.info("discord.not_said", account=self._account.name, error=type(error).__name__)


def _form(button: str, question: str) -> dict[str, Any]:
    """A form of one field; it comes back under the button's own id, after any restart."""
    field = {"type": 4, "custom_id": REASON, "style": 2, "label": question, "required": True, "max_length": MOST_REASON}
    return {"custom_id": button, "title": question, "components": [{"type": 1, "components": [field]}]}


def _words(text: str) -> dict[str, Any]:
    return {"content": text, "allowed_mentions": NO_PINGS}
