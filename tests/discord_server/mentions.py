"""Who a message mentions and who of them is really pinged (docs: resources/message, "Allowed Mentions Object")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.discord_server.permissions import Permission, in_channel
from tests.discord_server.records import Channel, Json, Message, Pings, User
from tests.discord_server.refusals import invalid_form

USER = re.compile(r"<@!?(\d+)>")
ROLE = re.compile(r"<@&(\d+)>")
EVERYONE = re.compile(r"@(?:everyone|here)\b")
EVERYTHING = {"parse": ["users", "roles", "everyone"]}  # the default of messages
ONLY_USERS = {"parse": ["users"]}  # the default of interactions and webhooks


@dataclass(frozen=True, slots=True)
class Allowed:
    """`allowed_mentions` of a request, checked."""

    everyone: bool
    users: bool | frozenset[int]
    roles: bool | frozenset[int]
    replied: bool

    def user(self, user_id: int) -> bool:
        return self.users if isinstance(self.users, bool) else user_id in self.users

    def role(self, role_id: int) -> bool:
        return self.roles if isinstance(self.roles, bool) else role_id in self.roles


def allowed(given: Json | None, default: Json) -> Allowed:
    """Refuses `parse` beside a list of the same kind, unknown kinds and more than 100 ids, as the platform does."""
    if given is None:
        return parsed(default, replied=True)
    parse = given.get("parse") or []
    for kind in parse:
        if kind not in EVERYTHING["parse"]:
            raise invalid_form(
                "allowed_mentions.parse", "BASE_TYPE_CHOICES", "Value must be one of ('users', 'roles', 'everyone')."
            )
        if kind != "everyone" and given.get(kind):
            message = f"parse:[{kind!r}] and {kind}: [ids...] are mutually exclusive."
            raise invalid_form("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
    for kind in ("users", "roles"):
        if len(given.get(kind) or ()) > 100:
            raise invalid_form(f"allowed_mentions.{kind}", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")
    return parsed(given, replied=bool(given.get("replied_user", False)))


def parsed(given: Json, *, replied: bool) -> Allowed:
    parse = given.get("parse") or []

    def kind(name: str) -> bool | frozenset[int]:
        return True if name in parse else frozenset(int(each) for each in given.get(name) or ())

    return Allowed("everyone" in parse, kind("users"), kind("roles"), replied)


def numbers(found: Iterable[str]) -> list[int]:
    return list(dict.fromkeys(int(each) for each in found))


def known_users(place: Channel, ids: Iterable[int]) -> list[User]:
    """Who of those is in the guild or the DM; a mention of anybody else stays text."""
    if place.guild is None:
        return [place.recipients[each] for each in ids if each in place.recipients]
    return [place.guild.members[each].user for each in ids if each in place.guild.members]


def apply(message: Message, given: Json | None, default: dict[str, Any]) -> Pings:
    """Set the mentions of a message from its content and say who is pinged. Nobody pings themselves."""
    rule = allowed(given, default)
    place = message.channel
    if "@" not in message.content and message.reply_to is None:
        message.mentions, message.mention_roles, message.mention_everyone = [], [], False
        return Pings()
    rights = in_channel(place, message.author.id)
    users = [one for one in known_users(place, numbers(USER.findall(message.content))) if rule.user(one.id)]
    if message.reply_to is not None and rule.replied and message.reply_to.author not in users:
        users.append(message.reply_to.author)
    roles = [
        each for each in numbers(ROLE.findall(message.content)) if place.guild and each in place.guild.roles and rule.role(each)
    ]
    may_all = bool(rights & Permission.MENTION_EVERYONE)
    everyone = place.guild is not None and may_all and rule.everyone and bool(EVERYONE.search(message.content))
    message.mentions, message.mention_roles, message.mention_everyone = users, roles, everyone
    rung = frozenset(each for each in roles if place.guild and (may_all or place.guild.roles[each].mentionable))
    return Pings(everyone, frozenset(each.id for each in users) - {message.author.id}, rung)
