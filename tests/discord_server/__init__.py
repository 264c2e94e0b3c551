"""A Discord that runs on this machine: REST API v10 and gateway over real sockets, with the platform's rules and limits.

Point discord.py at it with nothing but addresses:

    discord.http.Route.BASE = server.api_base
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)

What people in its channels saw is in `server.log`. "docs" in the sources means discord/discord-api-docs, folder `developers`.
"""

from tests.discord_server.choosing import NotOffered
from tests.discord_server.faults import (
    CALLBACK,
    CREATE_DM,
    CREATE_MESSAGE,
    DELETE_MESSAGE,
    EDIT_MESSAGE,
    EDIT_RESPONSE,
    FETCH_FILE,
    FOLLOW_UP,
    READ_MESSAGE,
    READ_MESSAGES,
    TYPING,
    Fault,
)
from tests.discord_server.interactions import Interaction
from tests.discord_server.limits import Limits, Rate
from tests.discord_server.people import Person
from tests.discord_server.permissions import EVERYONE, Permission
from tests.discord_server.records import Application, Attachment, Channel, Guild, Message, Pings, Role, User
from tests.discord_server.refusals import Refusal
from tests.discord_server.seen import Seen
from tests.discord_server.server import DiscordServer

__all__ = [
    "CALLBACK",
    "CREATE_DM",
    "CREATE_MESSAGE",
    "DELETE_MESSAGE",
    "EDIT_MESSAGE",
    "EDIT_RESPONSE",
    "EVERYONE",
    "FETCH_FILE",
    "FOLLOW_UP",
    "READ_MESSAGE",
    "READ_MESSAGES",
    "TYPING",
    "Application",
    "Attachment",
    "Channel",
    "DiscordServer",
    "Fault",
    "Guild",
    "Interaction",
    "Limits",
    "Message",
    "NotOffered",
    "Permission",
    "Person",
    "Pings",
    "Rate",
    "Refusal",
    "Role",
    "Seen",
    "User",
]
