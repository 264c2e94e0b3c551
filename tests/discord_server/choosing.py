"""What the client offers of a bot's commands, and the data of an interaction made from a choice
(docs: interactions/receiving-and-responding, "Application Command Data Structure")."""

from dataclasses import dataclass
from typing import Any

from tests.discord_server import payloads
from tests.discord_server.commands import CHAT, GROUP, SUBCOMMAND, Commands
from tests.discord_server.permissions import Permission
from tests.discord_server.records import Application, Channel, Json, Role, User

STRING, INTEGER, BOOLEAN, ACCOUNT, PLACE, ROLE, MENTIONABLE, NUMBER = 3, 4, 5, 6, 7, 8, 9, 10
TYPES: dict[int, tuple[type, ...]] = {STRING: (str,), INTEGER: (int,), BOOLEAN: (bool,), NUMBER: (int, float)}


class NotOffered(LookupError):
    """A real client would not offer this: the command is not registered, not allowed here, or its options do not fit."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The commands of one bot as one user finds them in one place."""

    commands: Commands
    bot: Application
    place: Channel
    rights: Permission

    def chat(self, name: str, options: dict[str, Any], *, focused: str | None = None) -> Json:
        """Data of a slash command, subcommands nested; `focused` marks the option being typed and leaves out required ones."""
        words = name.split()
        command = self._find(CHAT, words[0])
        resolved: Json = {}
        inner, wrap = command.get("options") or [], []
        for word in words[1:]:
            part = next((one for one in inner if one["name"] == word and one["type"] in (SUBCOMMAND, GROUP)), None)
            if part is None:
                raise NotOffered(f"/{name}: no {word!r}")
            wrap.append(part)
            inner = part.get("options") or []
        given = self._options(name, inner, options, resolved, focused)
        for part in reversed(wrap):
            given = [{"name": part["name"], "type": part["type"], "options": given}]
        return self._data(command, resolved) | {"options": given}

    def menu(self, kind: int, name: str, target: int, resolved: Json) -> Json:
        return self._data(self._find(kind, name), resolved) | {"target_id": str(target)}

    def _data(self, command: Json, resolved: Json) -> Json:
        said: Json = {"id": command["id"], "name": command["name"], "type": command["type"], "resolved": resolved}
        return said | ({"guild_id": command["guild_id"]} if "guild_id" in command else {})

    def _find(self, kind: int, name: str) -> Json:
        guild = self.place.guild
        found = self.commands.offered(self.bot, guild.id if guild else None, kind, name)
        if found is None:
            raise NotOffered(f"{self.bot.name} has no command {name!r} here")
        contexts = found.get("contexts")
        if contexts is not None and (0 if guild else 1) not in contexts:
            raise NotOffered(f"{name!r} is not for this kind of place")
        if guild is None and found.get("dm_permission") is False:
            raise NotOffered(f"{name!r} is not for DMs")
        needed = found.get("default_member_permissions")
        if guild is not None and needed is not None and not self.may(int(needed)):
            raise NotOffered(f"{name!r} needs permissions {needed}")
        return found

    def may(self, needed: int) -> bool:
        """`default_member_permissions`: "0" is for administrators only."""
        administrator = bool(self.rights & Permission.ADMINISTRATOR)
        return administrator or (needed != 0 and int(self.rights) & needed == needed)

    def _options(self, name: str, offered: list[Json], given: dict[str, Any], resolved: Json, focused: str | None) -> list[Json]:
        if any(one["type"] in (SUBCOMMAND, GROUP) for one in offered):
            raise NotOffered(f"/{name} is a group: say which of {[one['name'] for one in offered]}")
        unknown = set(given) - {one["name"] for one in offered}
        missing = [one["name"] for one in offered if one.get("required") and one["name"] not in given]
        if unknown or (missing and focused is None):
            raise NotOffered(f"/{name}: unknown {sorted(unknown)}, missing {missing}")
        return [self._option(one, given[one["name"]], resolved, focused) for one in offered if one["name"] in given]

    def _option(self, offered: Json, value: Any, resolved: Json, focused: str | None) -> Json:
        said: Json = {"name": offered["name"], "type": offered["type"]}
        if focused == offered["name"]:
            if not offered.get("autocomplete"):
                raise NotOffered(f"{focused!r} has no autocompletion")
            return said | {"value": value, "focused": True}
        self._check(offered, value)
        return said | {"value": self._value(value, resolved)}

    @staticmethod
    def _check(offered: Json, value: Any) -> None:
        """What the client checks by itself: type, choices, bounds."""
        name, kinds = offered["name"], TYPES.get(offered["type"])
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            raise NotOffered(f"{name!r} takes {kinds}")
        choices = offered.get("choices")
        if choices and value not in [one["value"] for one in choices]:
            raise NotOffered(f"{name!r} is one of {[one['value'] for one in choices]}")
        size = len(value) if isinstance(value, str) else value
        low, high = ("min_length", "max_length") if isinstance(value, str) else ("min_value", "max_value")
        if low in offered and size < offered[low]:
            raise NotOffered(f"{name!r}: {low} {offered[low]}")
        if high in offered and size > offered[high]:
            raise NotOffered(f"{name!r}: {high} {offered[high]}")

    def _value(self, value: Any, resolved: Json) -> Any:
        """Users, channels and roles go by id, their records into `resolved`."""
        value = getattr(value, "account", value)
        if isinstance(value, User):
            for kind, found in self.resolved_user(value).items():
                resolved.setdefault(kind, {}).update(found)
        elif isinstance(value, Channel):
            resolved.setdefault("channels", {})[str(value.id)] = payloads.partial_channel(value, self.bot.id, self.bot.id)
        elif isinstance(value, Role):
            resolved.setdefault("roles", {})[str(value.id)] = payloads.role(value, 1)
        else:
            return value
        return str(value.id)

    def resolved_user(self, one: User) -> Json:
        said: Json = {"users": {str(one.id): payloads.user(one)}}
        member = self.place.guild.members.get(one.id) if self.place.guild else None
        if member is not None:
            said["members"] = {str(one.id): payloads.member(member, with_user=False) | {"permissions": "0"}}
        return said
