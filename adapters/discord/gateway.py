"""The gateway: discord.py keeps the sockets, shards, heartbeats and resumes; we hear every event in order, before its cache does.

discord.py starts a task for each listener, which keeps no order and no promise. So nothing listens: the raw events are taken
where they are dispatched, in the task that reads the socket, by a call that never waits.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, ClassVar

import aiohttp
import discord
import structlog

from adapters.discord.buttons import AnswerButton, filled_form
from adapters.discord.commands import plant
from adapters.discord.interactions import Interactions
from adapters.discord.places import Places
from adapters.discord.settings import DiscordSettings
from adapters.discord.syncing import sync
from bot.views import CommandView

TOKEN_REFUSED_S = 60.0
CLOSE_WITHIN_S = 3.0
LONGEST_S = 60.0
STEADY_S = 120.0
AUTHENTICATION_FAILED = 4004
PORTAL = (
    "switch on the Message Content Intent for this application in the developer portal, under Bot, and start again; until then "
    "the bot reads direct messages and messages that mention it, but not the rest of a thread"
)
log = structlog.get_logger(__name__)


class GatewayClient(discord.AutoShardedClient):
    """`heard` gets each gateway message as it came; `works` is called when a session began."""

    SILENT: ClassVar[frozenset[str]] = frozenset({"socket_raw_receive", "socket_raw_send"})

    def __init__(
        self,
        account: str,
        *,
        content: bool,
        heard: Callable[[str], None],
        works: Callable[[], None],
        interactions: Interactions,
        commands: Sequence[CommandView],
    ) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30.0,
            enable_debug_events=True,
        )
        self._account = account
        self._heard = heard
        self._works = works
        self._interactions = interactions
        self._tree = plant(self, interactions, commands)
        self._syncing: asyncio.Task[bool] | None = None

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        if event == "socket_raw_receive":
            self._heard(args[0])
        if event == "shard_connect":
            self._works()
        if event not in self.SILENT:
            super().dispatch(event, *args, **kwargs)

    async def setup_hook(self) -> None:
        self.add_dynamic_items(AnswerButton)
        self._syncing = asyncio.create_task(sync(self._tree, self, self._account))

    async def pressed(self, interaction: discord.Interaction, button: str, reason: str = "") -> None:
        await self._interactions.pressed(interaction, button, reason)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Forms come here: the library knows only those that it opened itself since its start."""
        form = filled_form(interaction)
        if form is not None:
            await self.pressed(interaction, *form)

    async def close(self) -> None:
        if self._syncing is not None:
            self._syncing.cancel()
        await super().close()


class Gateway:
    """Connects again for ever. A session that cannot resume begins anew by itself; what ends the client is told in one line."""

    def __init__(
        self,
        account: str,
        settings: DiscordSettings,
        *,
        heard: Callable[[str], None],
        interactions: Interactions,
        places: Places,
        commands: Sequence[CommandView],
    ) -> None:
        self._account = account
        self._settings = settings
        self._heard = heard
        self._interactions = interactions
        self._places = places
        self._commands = commands
        self._content = True
        self._token_refused = False

    async def run(self) -> None:
        failures = 0
        while True:
            began = monotonic()
            wait_s = await self._session()
            failures = 0 if monotonic() - began > STEADY_S else failures + 1
            await asyncio.sleep(wait_s if wait_s is not None else min(2.0**failures, LONGEST_S))

    async def _session(self) -> float | None:
        """Seconds until the next try; None: as long as tries have failed."""
        client = GatewayClient(
            self._account,
            content=self._content,
            heard=self._heard,
            works=self._works,
            interactions=self._interactions,
            commands=self._commands,
        )
        self._places.look_at(client)
        try:
            await client.start(self._settings.token.get_secret_value())
        except discord.PrivilegedIntentsRequired:
            self._content = False
            log.error("discord.intent_missing", account=self._account, advice=PORTAL)  # noqa: TRY400  one clear line
            return 0.0
        except (discord.LoginFailure, discord.ConnectionClosed) as error:
            return self._closed(error)
        except (discord.HTTPException, discord.GatewayNotFound, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("discord.not_connected", account=self._account, error=type(error).__name__)
        finally:
            await self._end(client)
        return None

    async def _end(self, client: GatewayClient) -> None:
        """The library waits half a minute for a peer that is gone to say goodbye."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await client.close()
        except TimeoutError:
            await client.http.close()

    def _closed(self, error: discord.LoginFailure | discord.ConnectionClosed) -> float | None:
        if isinstance(error, discord.ConnectionClosed) and error.code != AUTHENTICATION_FAILED:
            log.warning("discord.closed", account=self._account, code=error.code)
            return None
        if not self._token_refused:
            self._token_refused = True
            log.error(
                "discord.token_refused",
                account=self._account,
                advice="put the bot's current token into the settings and start again",
            )
        return TOKEN_REFUSED_S

    def _works(self) -> None:
        self._token_refused = False


def quieten() -> None:
    """The library's own records: below a warning they carry payloads, and a failed connection would tell its whole trace."""
    for name in ("discord", "discord.http", "discord.gateway", "discord.state", "discord.shard"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("discord.client").setLevel(logging.ERROR)  # it warns that there is no voice
    shards = logging.getLogger("discord.shard")
    if not any(isinstance(one, _OneLine) for one in shards.filters):
        shards.addFilter(_OneLine())


class _OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = None
        return True
