"""The places and who is in them: users, applications, guilds, roles, channels, DMs; built and changed by a test."""

from tests.discord_server import payloads
from tests.discord_server.clock import Clock
from tests.discord_server.events import Events
from tests.discord_server.permissions import EVERYONE, in_channel
from tests.discord_server.records import Application, Channel, Guild, Json, Member, Role, User
from tests.discord_server.refusals import unknown


class World:
    """Look-ups raise the platform's 404. Changes are told to the bots that may see them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.events: Events  # given by the server, which builds it from this world's applications
        self.users: dict[int, User] = {}
        self.apps: dict[int, Application] = {}
        self.tokens: dict[str, Application] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self._direct: dict[tuple[int, int], Channel] = {}
        self._closed: set[tuple[int, int]] = set()  # (user, application): does not take DMs
        self._installed: set[tuple[int, int]] = set()  # (user, application): may write to it without a common guild

    # making

    def user(self, name: str) -> User:
        made = User(self._clock.snowflake(), name)
        self.users[made.id] = made
        return made

    def application(
        self, token: str, name: str = "Desk", *, message_content: bool = True, members: bool = False, presences: bool = False
    ) -> Application:
        """A bot; the three flags are the privileged intents switched on in its portal page."""
        user = User(self._clock.snowflake(), name, bot=True)
        made = Application(token, user, message_content, members, presences)
        self.users[user.id], self.apps[user.id], self.tokens[token] = user, made, made
        return made

    def guild(self, name: str, *, permissions: int = EVERYONE) -> Guild:
        """A guild owned by nobody of the test; `permissions` of @everyone."""
        made = Guild(self._clock.snowflake(), name, owner_id=self.user(f"owner of {name}").id)
        made.roles[made.id] = Role(made.id, "@everyone", permissions)
        made.members[made.owner_id] = Member(self.users[made.owner_id], self._clock.now())
        self.guilds[made.id] = made
        return made

    def role(self, guild: Guild, name: str, *, permissions: int = 0, mentionable: bool = False) -> Role:
        made = Role(self._clock.snowflake(), name, permissions, mentionable)
        guild.roles[made.id] = made
        said: Json = {"guild_id": str(guild.id), "role": payloads.role(made, len(guild.roles))}
        self.events.guild(guild, "GUILD_ROLE_CREATE", said)
        return made

    def text_channel(self, guild: Guild, name: str, *, topic: str | None = None) -> Channel:
        return self._place(guild, Channel(self._clock.snowflake(), Channel.TEXT, name, guild, topic=topic))

    def forum(self, guild: Guild, name: str, *, tags: tuple[str, ...] = ()) -> Channel:
        made = Channel(self._clock.snowflake(), Channel.FORUM, name, guild)
        for tag in tags:
            named: Json = {
                "id": str(self._clock.snowflake()),
                "name": tag,
                "moderated": False,
                "emoji_id": None,
                "emoji_name": None,
            }
            made.tags.append(named)
        return self._place(guild, made)

    def _place(self, guild: Guild, made: Channel) -> Channel:
        made.position = len(guild.channels)
        guild.channels[made.id] = self.channels[made.id] = made
        self.events.channel("CHANNEL_CREATE", made)
        return made

    # people and bots in guilds

    def join(self, guild: Guild, user: User, *roles: Role) -> Member:
        made = Member(user, self._clock.now(), [role.id for role in roles])
        guild.members[user.id] = made
        self.events.member("GUILD_MEMBER_ADD", guild, made)
        return made

    def leave(self, guild: Guild, user: User) -> None:
        """The user leaves or is put out; with the last common guild a bot can no longer write to them."""
        member = guild.members.pop(user.id)
        self.events.member("GUILD_MEMBER_REMOVE", guild, member)

    def invite(self, guild: Guild, app: Application, *, permissions: int = 0) -> Member:
        """Add a bot, with a managed role of its own that gives `permissions` on top of @everyone's."""
        own = Role(self._clock.snowflake(), app.name, permissions, bot_id=app.id)
        guild.roles[own.id], guild.bots[app.id] = own, app
        made = self.join(guild, app.user, own)
        self.events.joined(guild, app)
        return made

    def expel(self, guild: Guild, app: Application) -> None:
        """Remove a bot from a guild."""
        self.events.removed(guild, app)
        del guild.bots[app.id]
        del guild.members[app.id]

    def overwrite(self, place: Channel, target: User | Role | Application | Guild, *, allow: int = 0, deny: int = 0) -> None:
        """Allow and deny permissions in one channel to a user, a role, a bot or, given the guild, everyone."""
        had = {app.id for app in self.events.watchers(place)}
        place.overwrites[target.id] = (deny, allow)
        assert place.guild is not None
        for app in place.guild.bots.values():
            if app.id in had or in_channel(place, app.id):
                self.events.to(app, "CHANNEL_UPDATE", payloads.channel(place), place.guild.id)

    def permit(self, guild: Guild, app: Application, permissions: int) -> None:
        """Set what the bot's own role gives."""
        own = next(role for role in guild.roles.values() if role.bot_id == app.id)
        own.permissions = permissions
        said: Json = {"guild_id": str(guild.id), "role": payloads.role(own, len(guild.roles))}
        self.events.guild(guild, "GUILD_ROLE_UPDATE", said)

    # direct messages

    def direct(self, app: Application, user: User) -> Channel:
        """The DM of a bot and a user, made when first asked for; making it needs nobody's consent, writing does."""
        found = self._direct.get((app.id, user.id))
        if found is None:
            found = Channel(self._clock.snowflake(), Channel.DM, recipients={app.id: app.user, user.id: user})
            self._direct[app.id, user.id] = self.channels[found.id] = found
        return found

    def install(self, user: User, app: Application) -> None:
        """The user added the app to their account: they may write to each other without a common guild."""
        self._installed.add((user.id, app.id))

    def close_direct(self, user: User, app: Application) -> None:
        """The user blocks the bot or takes no DMs: it gets 50007."""
        self._closed.add((user.id, app.id))

    def open_direct(self, user: User, app: Application) -> None:
        self._closed.discard((user.id, app.id))

    def reachable(self, user: User, app: Application) -> bool:
        """Whether the bot may write to the user: not blocked, and a common guild or the app installed; never a bot."""
        key = (user.id, app.id)
        common = any(app.id in one.bots and user.id in one.members for one in self.guilds.values())
        return not user.bot and key not in self._closed and (common or key in self._installed)

    # look-ups

    def channel(self, number: int) -> Channel:
        found = self.channels.get(number)
        if found is None:
            raise unknown("Channel")
        return found

    def find_user(self, number: int) -> User:
        found = self.users.get(number)
        if found is None:
            raise unknown("User")
        return found

    def find_guild(self, number: int) -> Guild:
        found = self.guilds.get(number)
        if found is None:
            raise unknown("Guild")
        return found
