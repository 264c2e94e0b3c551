"""REST: channels, threads and their members, DMs (docs: resources/channel, topics/threads, resources/user)."""

from tests.discord_server import payloads
from tests.discord_server.calls import Call, number
from tests.discord_server.forms import check_message
from tests.discord_server.limits import Limits
from tests.discord_server.permissions import Permission, require
from tests.discord_server.posting import find
from tests.discord_server.records import Channel, Guild, Json
from tests.discord_server.refusals import Refusal, missing_access, unknown
from tests.discord_server.routes_messages import Messages, draft_of
from tests.discord_server.routing import Route
from tests.discord_server.threads import Threads
from tests.discord_server.world import World

P = Permission


class Channels:
    def __init__(self, world: World, threads: Threads, messages: Messages, limits: Limits) -> None:
        self._world, self._threads, self._messages, self._limits = world, threads, messages, limits

    def routes(self) -> list[Route]:
        channel = "/channels/{channel_id}"
        members = f"{channel}/thread-members"
        return [
            Route("POST", "/users/@me/channels", self.create_dm, "users.channels"),
            Route("GET", channel, self.get, "channels"),
            Route("PATCH", channel, self.change, "channels"),
            Route("DELETE", channel, self.delete, "channels"),
            Route("POST", f"{channel}/messages/{{message_id}}/threads", self.thread_from_message, "threads.create"),
            Route("POST", f"{channel}/threads", self.thread, "threads.create"),
            Route("GET", f"{channel}/threads/archived/public", self.archived, "channels"),
            Route("GET", members, self.members, "channels"),
            Route("PUT", f"{members}/@me", self.join, "channels"),
            Route("DELETE", f"{members}/@me", self.leave, "channels"),
            Route("PUT", f"{members}/{{user_id}}", self.add_member, "channels"),
            Route("GET", f"{members}/{{user_id}}", self.get_member, "channels"),
            Route("DELETE", f"{members}/{{user_id}}", self.remove_member, "channels"),
            Route("GET", "/guilds/{guild_id}", self.guild, "channels"),
            Route("GET", "/guilds/{guild_id}/channels", self.guild_channels, "channels"),
            Route("GET", "/guilds/{guild_id}/threads/active", self.active_threads, "channels"),
            Route("GET", "/guilds/{guild_id}/members/{user_id}", self.guild_member, "channels"),
        ]

    def create_dm(self, call: Call) -> Json:
        """Opening a DM succeeds even with a user who cannot be written to; sending then fails (50007)."""
        user = self._world.find_user(number(call.json.get("recipient_id"), "recipient_id"))
        if user is call.app.user:
            raise Refusal(400, 50033, "Invalid Recipient(s)")
        return payloads.channel(self._world.direct(call.app, user), call.app.id)

    def _seen(self, call: Call) -> Channel:
        place = self._world.channel(call.number("channel_id"))
        require(place, call.app.id, P.VIEW_CHANNEL)
        return place

    def get(self, call: Call) -> Json:
        return payloads.channel(self._seen(call), call.app.id)

    def change(self, call: Call) -> Json:
        place, body = self._seen(call), call.json
        if place.is_thread:
            self._threads.change(place, call.app.id, body, bot=call.app)
        elif place.guild is None:
            raise Refusal(403, 50003, "Cannot execute action on a DM channel")
        else:
            require(place, call.app.id, P.MANAGE_CHANNELS)
            place.name, place.topic = body.get("name", place.name), body.get("topic", place.topic)
            self._world.events.channel("CHANNEL_UPDATE", place)
        return payloads.channel(place, call.app.id)

    def delete(self, call: Call) -> Json:
        place = self._seen(call)
        said = payloads.channel(place, call.app.id)
        if place.guild is not None:
            self._threads.remove(place, call.app.id, bot=call.app)
        return said

    def thread_from_message(self, call: Call) -> Json:
        place, body = self._seen(call), call.json
        message = find(place, call.number("message_id"))
        archive = body.get("auto_archive_duration") or 1440
        thread = self._threads.from_message(message, call.app.user, body.get("name", ""), archive=archive, bot=call.app)
        return payloads.thread(thread, call.app.id)

    def thread(self, call: Call) -> Json:
        """Without a message, or a forum post with its first message."""
        place, body, app = self._seen(call), call.json, call.app
        name, archive = body.get("name", ""), body.get("auto_archive_duration") or 1440
        if place.type != Channel.FORUM:
            private = body.get("type", Channel.PRIVATE_THREAD) == Channel.PRIVATE_THREAD
            made = self._threads.standalone(place, app.user, name, private=private, archive=archive, bot=app)
            return payloads.thread(made, app.id)
        first = body.get("message") or {}
        check_message(first, self._limits, files=len(call.files))
        tags = [str(each) for each in body.get("applied_tags") or ()]
        draft = draft_of(call, first)
        made = self._threads.forum_post(place, app.user, name, draft, tags=tags, archive=archive, bot=app)
        return payloads.thread(made, app.id) | {"message": self._messages.shown(made.messages[made.id], app)}

    def archived(self, call: Call) -> Json:
        place = self._seen(call)
        require(place, call.app.id, P.READ_MESSAGE_HISTORY)
        assert place.guild is not None
        found = [one for one in place.guild.threads.values() if one.parent is place and one.archived]
        found = [one for one in found if one.type == Channel.PUBLIC_THREAD]
        found.sort(key=lambda one: one.archive_changed, reverse=True)
        return {"threads": [payloads.thread(one, call.app.id) for one in found], "members": [], "has_more": False}

    def _thread(self, call: Call) -> Channel:
        place = self._seen(call)
        if not place.is_thread:
            raise Refusal(400, 50024, "Cannot execute action on this channel type")
        return place

    def members(self, call: Call) -> list[Json]:
        place = self._thread(call)
        return [payloads.thread_member(place, each) for each in place.thread_members]

    def join(self, call: Call) -> None:
        self._threads.join(self._thread(call), call.app.user)

    def leave(self, call: Call) -> None:
        self._threads.leave(self._thread(call), call.app.user)

    def add_member(self, call: Call) -> None:
        place = self._thread(call)
        require(place, call.app.id, P.SEND_MESSAGES_IN_THREADS)
        self._threads.join(place, self._world.find_user(call.number("user_id")))

    def get_member(self, call: Call) -> Json:
        place, user_id = self._thread(call), call.app.id if call.ids["user_id"] == "@me" else call.number("user_id")
        if user_id not in place.thread_members:
            raise unknown("Member")
        return payloads.thread_member(place, user_id)

    def remove_member(self, call: Call) -> None:
        place = self._thread(call)
        require(place, call.app.id, P.MANAGE_THREADS)
        self._threads.leave(place, self._world.find_user(call.number("user_id")))

    def _guild(self, call: Call) -> Guild:
        guild = self._world.find_guild(call.number("guild_id"))
        if call.app.id not in guild.bots:
            raise missing_access()
        return guild

    def guild(self, call: Call) -> Json:
        guild = self._guild(call)
        return payloads.guild(guild, call.app.id, [])

    def guild_channels(self, call: Call) -> list[Json]:
        return [payloads.channel(one) for one in self._guild(call).channels.values()]

    def active_threads(self, call: Call) -> Json:
        said = payloads.guild(self._guild(call), call.app.id, [])
        return {"threads": said["threads"], "members": []}

    def guild_member(self, call: Call) -> Json:
        member = self._guild(call).members.get(call.number("user_id"))
        if member is None:
            raise unknown("Member")
        return payloads.member(member)
