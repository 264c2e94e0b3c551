"""What `frontdesk doctor` wants to know of an account. Only reads, five seconds at most."""

import asyncio
from dataclasses import dataclass

import discord
import msgspec

from adapters.discord.addresses import point_to
from adapters.discord.rest import REFUSED, UNANSWERED, Rest
from adapters.discord.settings import DiscordSettings

WITHIN_S = 5.0
FORUM = 15
CONTENT, CONTENT_LIMITED = 1 << 18, 1 << 19
FEW_STARTS = 20
NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    read_message_history=True,
)
INVITE = "https://discord.com/oauth2/authorize?client_id={id}&scope=bot+applications.commands&permissions={permissions}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `advice` says what to do, "" where nothing is to be done."""

    name: str
    ok: bool
    text: str
    advice: str = ""


class _Application(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    flags: int = 0


class _Guild(msgspec.Struct, frozen=True):
    id: str
    name: str
    permissions: str | None = None
    owner: bool = False


class _Starts(msgspec.Struct, frozen=True):
    total: int
    remaining: int


class _GatewayInfo(msgspec.Struct, frozen=True):
    session_start_limit: _Starts
    shards: int = 1


class _Forum(msgspec.Struct, frozen=True):
    type: int
    name: str = ""


async def inspect(settings: DiscordSettings, name: str = "main") -> list[Finding]:
    """The findings about the account `[discord.NAME]`; none contains the token."""
    if not settings.enabled:
        return [Finding("token", ok=True, text="no token: the account is off")]
    point_to(settings.api_base, settings.gateway_url)
    rest = Rest(settings.token, timeout_s=WITHIN_S)
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _look(rest, settings, name)
    except REFUSED as error:
        return [_refused(error, name)]
    except UNANSWERED as error:
        why = "no answer within five seconds" if isinstance(error, TimeoutError) else f"not reached: {type(error).__name__}"
        return [Finding("connection", ok=False, text=why, advice="check the network, api_base and gateway_url")]
    finally:
        await rest.close()


async def _look(rest: Rest, settings: DiscordSettings, name: str) -> list[Finding]:
    application = await rest.ask(_Application, "/applications/@me")
    guilds = await rest.ask(list[_Guild], "/users/@me/guilds")
    gateway = await rest.ask(_GatewayInfo, "/gateway/bot")
    found = [
        Finding("token", ok=True, text=f"the bot of the application {application.name} ({application.id})"),
        _content(application),
        _servers(application, guilds),
        *filter(None, (_permissions(application, guild) for guild in guilds)),
        _starts(gateway),
    ]
    return [*found, await _forum(rest, settings.staff_forum_id, name)] if settings.staff_forum_id else found


def _refused(error: Exception, name: str) -> Finding:
    if isinstance(error, discord.HTTPException) and error.status == 401:
        advice = f"copy the token from the developer portal, under Bot, into [discord.{name}] token"
        return Finding("token", ok=False, text="Discord does not accept it", advice=advice)
    return Finding("connection", ok=False, text=f"refused: {type(error).__name__}", advice="try again in a few minutes")


def _content(application: _Application) -> Finding:
    if application.flags & (CONTENT | CONTENT_LIMITED):
        return Finding("message content", ok=True, text="the intent is switched on")
    text = "the intent is off: in threads the bot reads only messages that mention it"
    return Finding("message content", ok=False, text=text, advice="switch on Message Content Intent in the portal, under Bot")


def _servers(application: _Application, guilds: list[_Guild]) -> Finding:
    invite = INVITE.format(id=application.id, permissions=NEEDED.value)
    if not guilds:
        return Finding("servers", ok=True, text="in no server yet", advice=f"invite it: {invite}")
    more = " or more" if len(guilds) >= 200 else ""
    return Finding("servers", ok=True, text=f"in {len(guilds)}{more}; invite: {invite}")


def _permissions(application: _Application, guild: _Guild) -> Finding | None:
    """What the bot's roles do not give in a server; channels may give and take more."""
    if guild.permissions is None or guild.owner:
        return None
    has = discord.Permissions(int(guild.permissions))
    missing = [flag.replace("_", " ") for flag, needed in NEEDED if needed and not getattr(has, flag)]
    if has.administrator or not missing:
        return None
    advice = f"give them to the bot's role, or invite it anew: {INVITE.format(id=application.id, permissions=NEEDED.value)}"
    return Finding(f"server {guild.name}", ok=False, text=f"missing: {', '.join(missing)}", advice=advice)


def _starts(gateway: _GatewayInfo) -> Finding:
    left, total = gateway.session_start_limit.remaining, gateway.session_start_limit.total
    enough = left >= max(FEW_STARTS, gateway.shards)
    advice = "" if enough else "find out what restarts so often: at zero Discord resets the token"
    return Finding("session starts", ok=enough, text=f"{left} of {total} left today, {gateway.shards} shard(s)", advice=advice)


async def _forum(rest: Rest, forum_id: str, name: str) -> Finding:
    advice = f"put the id of a forum that the bot can see into [discord.{name}] staff_forum_id"
    try:
        forum = await rest.ask(_Forum, "/channels/{channel_id}", channel_id=forum_id)
    except (discord.NotFound, discord.Forbidden):
        return Finding("staff forum", ok=False, text="not there, or not visible to the bot", advice=advice)
    if forum.type != FORUM:
        return Finding("staff forum", ok=False, text=f"{forum.name} is no forum", advice=advice)
    return Finding("staff forum", ok=True, text=f"{forum.name}")
