"""Interactions: what a user set off, the three seconds to answer it, the token that then lives for 15 minutes
(docs: interactions/receiving-and-responding)."""

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from tests.discord_server import payloads
from tests.discord_server.clock import Clock
from tests.discord_server.events import Events
from tests.discord_server.limits import Limits
from tests.discord_server.payloads import Links
from tests.discord_server.permissions import in_channel
from tests.discord_server.records import Application, Channel, Json, Message, User
from tests.discord_server.refusals import Refusal, invalid_webhook_token, unknown
from tests.discord_server.seen import Log, Seen

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5


@dataclass(slots=True, eq=False)
class Interaction:
    """`state`: waiting, answered (a message), thinking (deferred), acknowledged (a press, nothing shown), updated (its message
    was edited), modal, choices, failed ("The application did not respond")."""

    id: int
    token: str
    kind: int
    app: Application
    place: Channel
    user: User
    at: float  # monotonic seconds of the server's clock
    data: Json
    source: Message | None = None  # whose button was pressed
    state: str = "waiting"
    original: Message | None = None
    followups: dict[int, Message] = field(default_factory=dict)
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    @property
    def failed(self) -> bool:
        return self.state == "failed"

    @property
    def text(self) -> str:
        """What the response says now."""
        return self.original.content if self.original and not self.original.deleted else ""

    @property
    def responded(self) -> bool:
        return self.state not in ("waiting", "failed")


class Interactions:
    """Makes interactions, keeps them while their tokens live, and fails those that nobody answered."""

    def __init__(self, events: Events, links: Links, log: Log, clock: Clock, limits: Limits) -> None:
        self._events, self._links, self._log, self._clock, self._limits = events, links, log, clock, limits
        self._by_token: OrderedDict[str, Interaction] = OrderedDict()
        self._open: dict[int, Interaction] = {}  # waiting or thinking
        self.unanswered = 0

    def open(
        self, kind: int, app: Application, place: Channel, user: User, data: Json, *, source: Message | None = None
    ) -> Interaction:
        """Set off an interaction: the bot gets INTERACTION_CREATE, and the three seconds run."""
        self._drop_dead()
        number = self._clock.snowflake()
        made = Interaction(number, secrets.token_urlsafe(48), kind, app, place, user, self._clock.monotonic(), data, source)
        self._by_token[made.token] = self._open[made.id] = made
        self._time(made, self._limits.respond_within)
        guild_id = place.guild.id if place.guild else None
        self._events.interaction(app, self._payload(made), guild_id)
        return made

    def _payload(self, one: Interaction) -> Json:
        place, guild = one.place, one.place.guild
        said: Json = {
            "id": str(one.id),
            "application_id": str(one.app.id),
            "type": one.kind,
            "token": one.token,
            "version": 1,
            "data": one.data,
            "channel_id": str(place.id),
            "channel": payloads.partial_channel(place, one.user.id, one.app.id),
            "app_permissions": str(int(in_channel(place, one.app.id))),
            "locale": "en-US",
            "entitlements": [],
            "attachment_size_limit": self._limits.file_bytes,
            "authorizing_integration_owners": {"0": str(guild.id) if guild else "0"},
            "context": 0 if guild else 1,
        }
        if one.source is not None:
            said["message"] = self._links.message(one.source, one.app.id)
        if guild is None:
            return said | {"user": payloads.user(one.user)}
        member = payloads.member(guild.members[one.user.id]) | {"permissions": str(int(in_channel(place, one.user.id)))}
        partial: Json = {"id": str(guild.id), "locale": "en-US", "features": []}
        return said | {"guild_id": str(guild.id), "guild_locale": "en-US", "guild": partial, "member": member}

    def metadata(self, one: Interaction) -> Json:
        """`interaction_metadata` of a response (docs: resources/message, "Message Interaction Metadata Object")."""
        owners = {"0": str(one.place.guild.id) if one.place.guild else "0"}
        said: Json = {
            "id": str(one.id),
            "type": one.kind,
            "user": payloads.user(one.user),
            "authorizing_integration_owners": owners,
        }
        return said | ({"interacted_message_id": str(one.source.id)} if one.source else {})

    # time

    def _time(self, one: Interaction, seconds: float) -> None:
        if one.timer is not None:
            one.timer.cancel()
        one.timer = asyncio.get_running_loop().call_later(seconds, self._fail, one)

    def _fail(self, one: Interaction) -> None:
        """The user is told that the application did not respond; the token is void if nothing was answered at all."""
        self.settle(one)
        self.unanswered += 1
        one.state = "failed"
        text = "The application did not respond" if one.kind != COMPONENT else "This interaction failed"
        self.see(one, "failed", text)

    def settle(self, one: Interaction) -> None:
        """Nothing more is waited for."""
        self._open.pop(one.id, None)
        if one.timer is not None:
            one.timer.cancel()
            one.timer = None

    def think(self, one: Interaction) -> None:
        """Deferred: the user sees "is thinking" until it is edited or the token ends."""
        self._time(one, self._limits.token_life - (self._clock.monotonic() - one.at))

    def expire(self) -> None:
        """After the clock was pushed: fail what is late now."""
        for one in list(self._open.values()):
            late = self._limits.respond_within if one.state == "waiting" else self._limits.token_life
            if self._age(one) >= late:
                self._fail(one)

    def _age(self, one: Interaction) -> float:
        return self._clock.monotonic() - one.at

    def _drop_dead(self) -> None:
        """Forget long-dead tokens, so that memory is bounded by their life."""
        while self._by_token and self._age(next(iter(self._by_token.values()))) > 2 * self._limits.token_life:
            self._by_token.popitem(last=False)

    def stop(self) -> None:
        for one in list(self._open.values()):
            self.settle(one)

    # look-ups

    def for_callback(self, number: int, token: str) -> Interaction:
        """10062 for an interaction that is not known or too old to be answered first; 40060 for the second answer."""
        one = self._by_token.get(token)
        if one is None or one.id != number or one.failed:
            raise unknown("interaction")
        if one.responded:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        if self._age(one) >= self._limits.respond_within:
            raise unknown("interaction")
        return one

    def for_webhook(self, app_id: int, token: str) -> Interaction:
        """401 50027 for a void token, 404 10015 before the first answer."""
        one = self._by_token.get(token)
        if one is None or self._age(one) >= self._limits.token_life:
            raise invalid_webhook_token()
        if one.app.id != app_id or not one.responded:
            raise unknown("Webhook")
        return one

    def see(self, one: Interaction, what: str, text: str = "") -> None:
        """Log what the user of an interaction saw besides messages."""
        self._log.add(
            Seen(
                self._clock.now(),
                what,
                one.place.id,
                one.original.id if one.original else None,
                text,
                bot=one.app.id,
                author=one.user.id,
                ephemeral=True,
                interaction=one.id,
            )
        )
