"""REST: channels and their messages (docs: resources/channel, resources/message)."""

from tests.discord_server.calls import Call, number
from tests.discord_server.forms import check_edit, check_message
from tests.discord_server.limits import Limits
from tests.discord_server.payloads import Links, readable
from tests.discord_server.permissions import Permission, in_channel, require
from tests.discord_server.posting import Draft, Posting, find, may_post, must_be_open, page
from tests.discord_server.records import Application, Channel, Json, Message
from tests.discord_server.refusals import Refusal, cannot_message_user, invalid_form, missing_permissions
from tests.discord_server.routing import Route
from tests.discord_server.world import World

P = Permission
UNKNOWN_REFERENCE = "MESSAGE_REFERENCE_UNKNOWN_MESSAGE"
SYSTEM_REFERENCE = "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE"


class Messages:
    def __init__(self, world: World, posting: Posting, links: Links, limits: Limits) -> None:
        self._world, self._posting, self._links, self._limits = world, posting, links, limits

    def routes(self) -> list[Route]:
        messages = "/channels/{channel_id}/messages"
        one = f"{messages}/{{message_id}}"
        return [
            Route("POST", messages, self.create, "messages.create"),
            Route("GET", messages, self.history, "messages.read"),
            Route("GET", one, self.get, "messages.read"),
            Route("PATCH", one, self.edit, "messages.edit"),
            Route("DELETE", one, self.delete, "messages.delete"),
            Route("POST", "/channels/{channel_id}/typing", self.typing, "typing"),
        ]

    def shown(self, message: Message, app: Application) -> Json:
        """A message in an answer to a bot; content hidden from an app without the intent, as on the gateway."""
        hidden = not readable(message, app, content=app.message_content)
        return self._links.message(message, app.id, hidden=hidden)

    def create(self, call: Call) -> Json:
        place, app, body = self._world.channel(call.number("channel_id")), call.app, call.json
        if body.get("nonce") is not None and body.get("enforce_nonce"):
            first = self._posting.repeated(app.id, body["nonce"])
            if first is not None:
                return self.shown(first, app)
        may_post(place, app.id, files=bool(call.files), embeds=bool(body.get("embeds")))
        self.must_be_reachable(place, app)
        check_message(body, self._limits, files=len(call.files))
        draft = draft_of(call, body, self._reference(place, app, body))
        message = self._posting.post(place, app.user, draft, bot=app)
        if message.nonce is not None:
            self._posting.remember(message)
        return self.shown(message, app)

    def must_be_reachable(self, place: Channel, app: Application) -> None:
        """50007 in a DM whose user blocks the bot or shares no guild with it."""
        if place.guild is None:
            user = next(one for one in place.recipients.values() if one is not app.user)
            if not self._world.reachable(user, app):
                raise cannot_message_user()

    def _reference(self, place: Channel, app: Application, body: Json) -> Message | None:
        """The message that is answered; 160002 without READ_MESSAGE_HISTORY. It cannot be a system message."""
        given = body.get("message_reference")
        if given is None:
            return None
        if not in_channel(place, app.id) & P.READ_MESSAGE_HISTORY:
            raise Refusal(403, 160002, "Cannot reply without permission to read message history")
        found = place.messages.get(number(given.get("message_id"), "message_reference.message_id"))
        if found is None and given.get("fail_if_not_exists", True):
            raise invalid_form("message_reference", UNKNOWN_REFERENCE, "Unknown message")
        if found is not None and found.type == Message.THREAD_STARTER:
            raise invalid_form("message_reference", SYSTEM_REFERENCE, "Cannot reply to a system message")
        return found

    def history(self, call: Call) -> list[Json]:
        """Newest first; nothing at all without READ_MESSAGE_HISTORY."""
        place, app = self._world.channel(call.number("channel_id")), call.app
        rights = require(place, app.id, P.VIEW_CHANNEL)
        cursors = {name: cursor(call, name) for name in ("after", "before", "around")}
        limit = int(call.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        if not rights & P.READ_MESSAGE_HISTORY:
            return []
        return [self.shown(one, app) for one in page(place, **cursors, limit=limit)]

    def get(self, call: Call) -> Json:
        place, app = self._world.channel(call.number("channel_id")), call.app
        require(place, app.id, P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY)
        return self.shown(find(place, call.number("message_id")), app)

    def edit(self, call: Call) -> Json:
        place, app, body = self._world.channel(call.number("channel_id")), call.app, call.json
        require(place, app.id, P.VIEW_CHANNEL)
        message = find(place, call.number("message_id"))
        must_be_open(place, app.id)
        check_edit(message, body, self._limits, files=len(call.files))
        self._posting.edit(message, body, files=call.files, bot=app, editor=app.user)
        return self.shown(message, app)

    def delete(self, call: Call) -> None:
        place, app = self._world.channel(call.number("channel_id")), call.app
        rights = require(place, app.id, P.VIEW_CHANNEL)
        message = find(place, call.number("message_id"))
        if message.author is not app.user and (place.guild is None or not rights & P.MANAGE_MESSAGES):
            raise missing_permissions() if place.guild else Refusal(403, 50003, "Cannot execute action on a DM channel")
        must_be_open(place, app.id, deleting=True)
        self._posting.delete(message, bot=app)

    def typing(self, call: Call) -> None:
        place, app = self._world.channel(call.number("channel_id")), call.app
        may_post(place, app.id)
        self._posting.type(place, app.user, app)


def cursor(call: Call, name: str) -> int | None:
    return number(call.query[name], name) if name in call.query else None


def draft_of(call: Call, body: Json, reply_to: Message | None = None) -> Draft:
    return Draft(
        content=body.get("content") or "",
        embeds=body.get("embeds") or (),
        components=body.get("components") or (),
        files=call.files,
        allowed_mentions=body.get("allowed_mentions"),
        reply_to=reply_to,
        nonce=body.get("nonce"),
        flags=int(body.get("flags") or 0) & (1 << 2 | 1 << 12),
    )
