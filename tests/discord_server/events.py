"""Which bot hears of what: fan-out of dispatch events to the applications that may see a channel."""

from collections.abc import Iterator

from tests.discord_server import payloads
from tests.discord_server.payloads import Links, readable
from tests.discord_server.permissions import in_channel
from tests.discord_server.records import Application, Channel, Guild, Json, Member, Message
from tests.discord_server.sessions import MESSAGE_CONTENT, Sessions


class Events:
    """Sends each event to every application that can view the place; the sessions then filter by intents and shard."""

    def __init__(self, sessions: Sessions, links: Links, apps: dict[int, Application]) -> None:
        self._sessions, self._links, self._apps = sessions, links, apps

    def watchers(self, place: Channel) -> Iterator[Application]:
        if place.guild is None:
            yield from (self._apps[each] for each in place.recipients if each in self._apps)
            return
        for app in place.guild.bots.values():
            if in_channel(place, app.id):
                yield app

    def message(self, event: str, message: Message) -> None:
        """MESSAGE_CREATE or MESSAGE_UPDATE; an ephemeral message makes none."""
        if message.flags & Message.EPHEMERAL:
            return
        place = message.channel
        guild_id = place.guild.id if place.guild else None
        for app in self.watchers(place):
            variants: dict[bool, Json] = {}
            for session in self._sessions.wanting(app, event, guild_id):
                hidden = not readable(message, app, content=bool(session.intents & MESSAGE_CONTENT))
                if hidden not in variants:
                    variants[hidden] = self._message(message, app, hidden=hidden)
                session.push_json(event, variants[hidden])

    def _message(self, message: Message, app: Application, *, hidden: bool) -> Json:
        said = self._links.message(message, app.id, hidden=hidden)
        guild = message.channel.guild
        if guild is not None:
            said["guild_id"] = str(guild.id)
            member = guild.members.get(message.author.id)
            if member is not None and message.webhook_id is None:
                said["member"] = payloads.member(member, with_user=False)
        return said

    def message_gone(self, message: Message) -> None:
        if message.flags & Message.EPHEMERAL:
            return
        said: Json = {"id": str(message.id), "channel_id": str(message.channel.id)}
        self.at(message.channel, "MESSAGE_DELETE", said | guild_field(message.channel))

    def at(self, place: Channel, event: str, data: Json) -> None:
        """The same event for everyone who can view the place."""
        guild_id = place.guild.id if place.guild else None
        for app in self.watchers(place):
            self._sessions.dispatch(app, event, data, guild_id)

    def thread(self, event: str, place: Channel, **extra: bool) -> None:
        """THREAD_CREATE or THREAD_UPDATE, with the bot's own membership."""
        assert place.guild is not None
        for app in self.watchers(place):
            self._sessions.dispatch(app, event, payloads.thread(place, app.id) | extra, place.guild.id)

    def channel(self, event: str, place: Channel) -> None:
        self.at(place, event, payloads.channel(place))

    def typing(self, place: Channel, user_id: int, at: float) -> None:
        said: Json = {"channel_id": str(place.id), "user_id": str(user_id), "timestamp": int(at)}
        self.at(place, "TYPING_START", said | guild_field(place))

    def member(self, event: str, guild: Guild, member: Member) -> None:
        said = payloads.member(member) if event == "GUILD_MEMBER_ADD" else {"user": payloads.user(member.user)}
        for app in guild.bots.values():
            self._sessions.dispatch(app, event, said | {"guild_id": str(guild.id)}, guild.id)

    def guild(self, guild: Guild, event: str, data: Json) -> None:
        for app in guild.bots.values():
            self._sessions.dispatch(app, event, data, guild.id)

    def to(self, app: Application, event: str, data: Json, guild_id: int | None) -> None:
        self._sessions.dispatch(app, event, data, guild_id)

    def joined(self, guild: Guild, app: Application) -> None:
        """The bot was added to a guild: GUILD_CREATE, as at the start."""
        data = payloads.guild(guild, app.id, [guild.members[app.id]])
        self._sessions.dispatch(app, "GUILD_CREATE", data, guild.id)

    def removed(self, guild: Guild, app: Application) -> None:
        self._sessions.dispatch(app, "GUILD_DELETE", {"id": str(guild.id)}, guild.id)

    def interaction(self, app: Application, data: Json, guild_id: int | None) -> None:
        self._sessions.dispatch(app, "INTERACTION_CREATE", data, guild_id)


def guild_field(place: Channel) -> Json:
    return {"guild_id": str(place.guild.id)} if place.guild else {}
