"""REST: the bot's own account, its gateway address, its commands (docs: resources/application, interactions)."""

from collections.abc import Callable

from tests.discord_server import payloads
from tests.discord_server.calls import Call
from tests.discord_server.commands import Commands
from tests.discord_server.limits import Limits
from tests.discord_server.permissions import in_guild
from tests.discord_server.records import Json
from tests.discord_server.refusals import Refusal, missing_access
from tests.discord_server.routing import Route
from tests.discord_server.world import World


class Applications:
    def __init__(self, world: World, commands: Commands, limits: Limits, gateway_url: Callable[[], str]) -> None:
        self._world, self._commands, self._limits, self._gateway_url = world, commands, limits, gateway_url

    def routes(self) -> list[Route]:
        scopes = ("/applications/{application_id}/commands", "/applications/{application_id}/guilds/{guild_id}/commands")
        found = [
            Route("GET", "/gateway", lambda _: {"url": self._gateway_url()}, open=True),
            Route("GET", "/gateway/bot", self.gateway),
            Route("GET", "/users/@me", self.me),
            Route("GET", "/users/{user_id}", self.user),
            Route("GET", "/users/@me/guilds", self.guilds),
            Route("GET", "/applications/@me", self.application),
            Route("GET", "/oauth2/applications/@me", self.application),
        ]
        for scope in scopes:
            found += [
                Route("GET", scope, self.list_commands, "other"),
                Route("PUT", scope, self.overwrite, "commands.write"),
                Route("POST", scope, self.upsert, "commands.write"),
                Route("GET", f"{scope}/{{command_id}}", self.get_command, "other"),
                Route("PATCH", f"{scope}/{{command_id}}", self.change_command, "commands.write"),
                Route("DELETE", f"{scope}/{{command_id}}", self.remove_command, "commands.write"),
            ]
        return found

    def gateway(self, call: Call) -> Json:
        limits, used = self._limits, len(call.app.identifies)
        start: Json = {"total": limits.identifies_a_day, "remaining": max(0, limits.identifies_a_day - used)}
        start |= {"reset_after": 86_400_000, "max_concurrency": limits.max_concurrency}
        return {"url": self._gateway_url(), "shards": 1, "session_start_limit": start}

    def me(self, call: Call) -> Json:
        return payloads.user(call.app.user) | {"verified": True, "mfa_enabled": True, "email": None, "flags": 0}

    def user(self, call: Call) -> Json:
        return payloads.user(self._world.find_user(call.number("user_id")))

    def guilds(self, call: Call) -> list[Json]:
        mine = [one for one in self._world.guilds.values() if call.app.id in one.bots]
        return [
            {"id": str(one.id), "name": one.name, "icon": None, "owner": False, "features": []}
            # docs, resources/user "Get Current User Guilds": permissions of the user in the guild, without overwrites
            | {"permissions": str(int(in_guild(one, one.members[call.app.user.id])))}
            for one in mine
        ]

    def application(self, call: Call) -> Json:
        return payloads.application(call.app)

    def _scope(self, call: Call) -> int | None:
        """The guild of a guild command; only one's own application, only guilds one is in."""
        if call.number("application_id") != call.app.id:
            raise Refusal(403, 20012, "You are not authorized to perform this action on this application")
        if "guild_id" not in call.ids:
            return None
        guild = self._world.guilds.get(call.number("guild_id"))
        if guild is None or call.app.id not in guild.bots:
            raise missing_access()
        return guild.id

    def list_commands(self, call: Call) -> list[Json]:
        return self._commands.all(call.app, self._scope(call))

    def overwrite(self, call: Call) -> list[Json]:
        return self._commands.overwrite(call.app, self._scope(call), call.body)

    def upsert(self, call: Call) -> Json:
        return self._commands.upsert(call.app, self._scope(call), call.json)

    def get_command(self, call: Call) -> Json:
        return self._commands.find(call.app, self._scope(call), call.ids["command_id"])

    def change_command(self, call: Call) -> Json:
        return self._commands.change(call.app, self._scope(call), call.ids["command_id"], call.json)

    def remove_command(self, call: Call) -> None:
        self._commands.remove(call.app, self._scope(call), call.ids["command_id"])
