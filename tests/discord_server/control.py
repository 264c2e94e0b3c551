"""A small JSON face for tests in other processes: `POST /_control/VERB` with an object, `GET` with a query. Ids are strings.

application, guild, channel, person, dm, say, edit, delete, press, run, submit, thread, log, shown, interaction, state,
fail_next, clear_faults, gateway, advance. An error of the platform comes back as it is; anything else wrong is a 400.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from tests.discord_server.choosing import NotOffered
from tests.discord_server.faults import Fault
from tests.discord_server.interactions import Interaction
from tests.discord_server.people import Person
from tests.discord_server.permissions import EVERYONE
from tests.discord_server.posting import find
from tests.discord_server.records import Application, Channel, Json, Message
from tests.discord_server.refusals import Refusal
from tests.discord_server.seen import Seen

if TYPE_CHECKING:
    from tests.discord_server.server import DiscordServer

Verb = Callable[[Json], Json | Awaitable[Json]]
GATEWAY = (
    "close",
    "kill",
    "silence",
    "reconnect",
    "invalidate",
    "end_sessions",
    "withhold_acks",
    "lose_next",
    "repeat_next",
    "revoke",
)


class Control:
    def __init__(self, server: "DiscordServer") -> None:
        self._server = server
        self._interactions: dict[str, Interaction] = {}

    async def answer(self, request: web.BaseRequest, name: str) -> web.Response:
        verb: Verb | None = getattr(self, f"do_{name}", None)
        if verb is None:
            return say(404, {"message": f"no verb {name}"})
        try:
            body = dict(request.query) | (msgspec.json.decode(await request.read() or b"{}") if request.method == "POST" else {})
            said = verb(body)
            return say(200, said if isinstance(said, dict) else await said)
        except Refusal as refusal:
            return say(refusal.status, refusal.body)
        except (KeyError, ValueError, TypeError, NotOffered, msgspec.DecodeError) as error:
            return say(400, {"message": f"{type(error).__name__}: {error}"})

    # look-ups

    def _bot(self, body: Json) -> Application:
        return self._server.world.apps[int(body["bot"])]

    def _some_bot(self, body: Json) -> Application | None:
        return self._bot(body) if body.get("bot") else None

    def _person(self, body: Json) -> Person:
        return Person(self._server.world.users[int(body["person"])], self._server.town)

    def _place(self, body: Json) -> Channel:
        return self._server.world.channel(int(body["channel"]))

    def _message(self, body: Json) -> Message:
        return find(self._place(body), int(body["message"]))

    def _keep(self, made: Interaction) -> Json:
        while len(self._interactions) >= 10_000:
            del self._interactions[next(iter(self._interactions))]
        self._interactions[str(made.id)] = made
        return {"interaction": str(made.id)}

    # the world

    def do_application(self, body: Json) -> Json:
        made = self._server.application(**{"name": "Desk", **body})
        return {"bot": str(made.id)}

    def do_guild(self, body: Json) -> Json:
        world = self._server.world
        made = world.guild(body["name"], permissions=int(body.get("permissions", EVERYONE)))
        for number in body.get("bots", ()):
            world.invite(made, world.apps[int(number)], permissions=int(body.get("bot_permissions", 0)))
        return {"guild": str(made.id)}

    def do_channel(self, body: Json) -> Json:
        guild = self._server.world.guilds[int(body["guild"])]
        make = self._server.world.forum if body.get("kind") == "forum" else self._server.world.text_channel
        return {"channel": str(make(guild, body["name"]).id)}

    def do_person(self, body: Json) -> Json:
        made = self._server.person(body["name"])
        for number in body.get("guilds", ()):
            made.join(self._server.world.guilds[int(number)])
        return {"person": str(made.id)}

    def do_dm(self, body: Json) -> Json:
        return {"channel": str(self._person(body).dm(self._bot(body)).id)}

    # what people do

    def do_say(self, body: Json) -> Json:
        place = self._place(body)
        reply_to = find(place, int(body["reply_to"])) if body.get("reply_to") else None
        return {"message": str(self._person(body).say(place, body["text"], reply_to=reply_to).id)}

    def do_edit(self, body: Json) -> Json:
        self._person(body).edit(self._message(body), body["text"])
        return {}

    def do_delete(self, body: Json) -> Json:
        self._person(body).delete(self._message(body))
        return {}

    def do_thread(self, body: Json) -> Json:
        made = self._person(body).start_thread(body["name"], place=self._place(body))
        return {"channel": str(made.id)}

    def do_press(self, body: Json) -> Json:
        return self._keep(self._person(body).press(self._message(body), body["button"]))

    def do_run(self, body: Json) -> Json:
        options = body.get("options") or {}
        return self._keep(self._person(body).run(self._place(body), body["command"], bot=self._bot(body), **options))

    def do_submit(self, body: Json) -> Json:
        opened = self._interactions[body["interaction"]]
        return self._keep(self._person(body).submit(opened, **body.get("fields", {})))

    # what happened

    async def do_log(self, body: Json) -> Json:
        """What was seen after the first `since`; waits up to `wait` seconds for something new."""
        log, since = self._server.log, int(body.get("since", 0))
        if body.get("wait") and log.total <= since:
            with suppress(TimeoutError):
                await self._server.wait_until(lambda: log.total > since, float(body["wait"]))
        return {"total": log.total, "seen": [seen(one) for one in log.since(since)]}

    def do_shown(self, body: Json) -> Json:
        return {"texts": self._server.on_show(self._place(body))}

    def do_interaction(self, body: Json) -> Json:
        one = self._interactions[body["interaction"]]
        number = str(one.original.id) if one.original else None
        return {"state": one.state, "text": one.text, "message": number, "choices": one.choices, "modal": one.modal}

    def do_state(self, _: Json) -> Json:
        server = self._server
        return {
            "calls": {f"{method} {route}": times for (method, route), times in server.calls.items()},
            "statuses": {str(status): times for status, times in server.rest.statuses.items()},
            "broken_limits": server.broken_limits,
            "invalid_answers": server.invalid_answers,
            "bans": server.rates.bans,
            "connected": server.gateway.connected(),
            "identifies": server.gateway.handshake.identifies,
            "resumes": server.gateway.handshake.resumes,
            "refused_resumes": server.gateway.handshake.refused_resumes,
            "repeated_nonces": server.posting.repeated_nonces,
            "unanswered": server.interactions.unanswered,
            "seen": server.log.total,
        }

    # faults and time

    def do_fail_next(self, body: Json) -> Json:
        """`kind` and the other fields of `Fault`; `method`, `route`, `times` of `fail_next`."""
        plan = {name: body[name] for name in ("method", "route", "times") if name in body}
        fault = Fault(**{name: value for name, value in body.items() if name not in plan})
        self._server.fail_next(fault, **plan)
        return {}

    def do_clear_faults(self, _: Json) -> Json:
        self._server.faults.clear()
        return {}

    def do_gateway(self, body: Json) -> Json:
        """`do`: a fault of the gateway by name, with its arguments; `bot` may be left out for every bot."""
        name = body["do"]
        if name not in GATEWAY:
            raise ValueError(f"one of {GATEWAY}")
        arguments: dict[str, Any] = {key: value for key, value in body.items() if key not in ("do", "bot")}
        getattr(self._server.gateway, name)(bot=self._some_bot(body), **arguments)
        return {}

    def do_advance(self, body: Json) -> Json:
        self._server.advance(float(body["seconds"]))
        return {}


def say(status: int, body: Json) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def seen(one: Seen) -> Json:
    """A log entry as JSON; ids as strings."""
    said = asdict(one)
    for name in ("channel_id", "message_id", "reply_to", "bot", "author", "interaction"):
        said[name] = None if said[name] is None else str(said[name])
    pings = one.pings
    said["pings"] = {
        "everyone": pings.everyone,
        "users": sorted(map(str, pings.users)),
        "roles": sorted(map(str, pings.roles)),
    }
    return said
