"""Application commands as registered: their checks and limits (docs: interactions/application-commands)."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tests.discord_server.clock import Clock
from tests.discord_server.limits import Limits
from tests.discord_server.records import Application, Json
from tests.discord_server.refusals import Refusal, bad_length, invalid_form, unknown

CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
NAME = re.compile(r"^[-_'\w]{1,32}$")
DEFAULTS: Json = {"default_member_permissions": None, "nsfw": False, "contexts": None, "dm_permission": True}


@dataclass(slots=True)
class Registered:
    """The commands of one application in one scope (a guild id, or None for global)."""

    by_key: dict[tuple[int, str], Json] = field(default_factory=dict)
    created: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))


class Commands:
    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock, self._limits = clock, limits
        self._scopes: dict[tuple[int, int | None], Registered] = {}

    def _scope(self, app: Application, guild_id: int | None) -> Registered:
        return self._scopes.setdefault((app.id, guild_id), Registered())

    def all(self, app: Application, guild_id: int | None = None) -> list[Json]:
        return list(self._scope(app, guild_id).by_key.values())

    def offered(self, app: Application, guild_id: int | None, kind: int, name: str) -> Json | None:
        """What a user would find under a name: the guild's own command first, else the global one."""
        for scope in (guild_id, None):
            found = self._scope(app, scope).by_key.get((kind, name))
            if found is not None:
                return found
        return None

    def overwrite(self, app: Application, guild_id: int | None, given: Any) -> list[Json]:
        """Replace the whole list; one that keeps its name and type keeps its id and is not a create."""
        if not isinstance(given, list):
            raise invalid_form("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        for place, one in enumerate(given):
            self._check(one, f"{place}")
        keys = Counter((one.get("type", CHAT), one["name"]) for one in given)
        if any(times > 1 for times in keys.values()):
            raise invalid_form("", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        self._check_numbers(given)
        scope = self._scope(app, guild_id)
        self._count_creates(scope, sum(key not in scope.by_key for key in keys))
        scope.by_key = {key(one): self._made(app, guild_id, one, scope.by_key.get(key(one))) for one in given}
        return list(scope.by_key.values())

    def upsert(self, app: Application, guild_id: int | None, given: Json) -> Json:
        self._check(given, "")
        scope = self._scope(app, guild_id)
        old = scope.by_key.get(key(given))
        if old is None:
            self._check_numbers([*scope.by_key.values(), given])
            self._count_creates(scope, 1)
        scope.by_key[key(given)] = made = self._made(app, guild_id, given, old)
        return made

    def find(self, app: Application, guild_id: int | None, command_id: str) -> Json:
        for one in self.all(app, guild_id):
            if one["id"] == command_id:
                return one
        raise unknown("application command")

    def change(self, app: Application, guild_id: int | None, command_id: str, given: Json) -> Json:
        old = self.find(app, guild_id, command_id)
        merged = old | given
        self._check(merged, "")
        scope = self._scope(app, guild_id)
        del scope.by_key[key(old)]
        scope.by_key[key(merged)] = made = self._made(app, guild_id, merged, old)
        return made

    def remove(self, app: Application, guild_id: int | None, command_id: str) -> None:
        del self._scope(app, guild_id).by_key[key(self.find(app, guild_id, command_id))]

    def _made(self, app: Application, guild_id: int | None, given: Json, old: Json | None) -> Json:
        same = old is not None and all(old.get(name) == value for name, value in given.items())
        made: Json = DEFAULTS | {"type": CHAT, "description": "", "options": []} | given
        made["id"] = old["id"] if old else str(self._clock.snowflake())
        made["version"] = old["version"] if old and same else str(self._clock.snowflake())
        made["application_id"] = str(app.id)
        return made | ({} if guild_id is None else {"guild_id": str(guild_id)})

    def _check_numbers(self, given: list[Json]) -> None:
        kinds = Counter(one.get("type", CHAT) for one in given)
        for kind, most in (
            (CHAT, self._limits.chat_commands),
            (USER, self._limits.menu_commands),
            (MESSAGE, self._limits.menu_commands),
        ):
            if kinds[kind] > most:
                raise Refusal(400, 30032, f"Maximum number of application commands reached ({most}).")

    def _count_creates(self, scope: Registered, number: int) -> None:
        now = self._clock.monotonic()
        while scope.created and now - scope.created[0] > 86_400:
            scope.created.popleft()
        if len(scope.created) + number > self._limits.command_creates:
            most = self._limits.command_creates
            raise Refusal(400, 30034, f"Max number of daily application command creates has been reached ({most})")
        scope.created.extend([now] * number)

    def _check(self, one: Json, path: str) -> None:
        kind = one.get("type", CHAT)
        check_name(one, path, chat=kind == CHAT)
        described = one.get("description") or ""
        if kind == CHAT and not 1 <= len(described) <= 100:
            raise bad_length(under(path, "description"), 1, 100)
        if kind != CHAT and (described or one.get("options")):
            raise invalid_form(path, "APPLICATION_COMMAND_INVALID", "Context menu commands cannot have description or options")
        check_options(one.get("options") or [], under(path, "options"), depth=0)
        if characters(one) > self._limits.command_characters:
            message = f"Command exceeds maximum size ({self._limits.command_characters})"
            raise invalid_form(path, "APPLICATION_COMMAND_TOO_LARGE", message)


def key(one: Json) -> tuple[int, str]:
    return one.get("type", CHAT), one["name"]


def under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def check_name(one: Json, path: str, *, chat: bool) -> None:
    """1-32 characters; of a chat-input command or option letters in lower case, digits, - _ ' (docs: "Naming")."""
    name = str(one.get("name") or "")
    if not 1 <= len(name) <= 32:
        raise bad_length(under(path, "name"), 1, 32)
    if chat and (not NAME.match(name) or name != name.lower()):
        raise invalid_form(under(path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def check_options(options: list[Json], path: str, *, depth: int) -> None:
    """At most 25, required before optional, names unique; groups hold subcommands only, two levels deep at most."""
    if len(options) > 25:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if len({one.get("name") for one in options}) != len(options):
        raise invalid_form(path, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option name is duplicated")
    optional, nested = False, 0
    for place, one in enumerate(options):
        here = under(path, str(place))
        check_name(one, here, chat=True)
        if not 1 <= len(one.get("description") or "") <= 100:
            raise bad_length(f"{here}.description", 1, 100)
        if one.get("type") in (SUBCOMMAND, GROUP):
            nested += 1
            if depth == 2 or (depth == 1 and one["type"] == GROUP):
                raise invalid_form(here, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command option groups are too deep")
            check_options(one.get("options") or [], f"{here}.options", depth=depth + 1 if one["type"] == GROUP else 2)
            continue
        if optional and one.get("required"):
            message = "Required options must be placed before non-required options"
            raise invalid_form(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional = optional or not one.get("required")
        check_choices(one, here)
    if nested not in (0, len(options)):
        message = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        raise invalid_form(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message)


def check_choices(option: Json, path: str) -> None:
    choices = option.get("choices") or []
    if len(choices) > 25:
        raise invalid_form(f"{path}.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for place, one in enumerate(choices):
        if not 1 <= len(one.get("name") or "") <= 100:
            raise bad_length(f"{path}.choices.{place}.name", 1, 100)
        if isinstance(one.get("value"), str) and len(one["value"]) > 100:
            raise bad_length(f"{path}.choices.{place}.value", 1, 100)


def characters(one: Json) -> int:
    """Names, descriptions and values of a command, its options and choices together."""
    own = len(one.get("name") or "") + len(one.get("description") or "")
    values = len(one["value"]) if isinstance(one.get("value"), str) else 0
    inner = [*(one.get("options") or ()), *(one.get("choices") or ())]
    return own + values + sum(characters(each) for each in inner)
