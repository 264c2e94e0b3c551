"""A person at their client: writes, edits, presses, runs commands. What a real client would not let them do raises."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.discord_server.choosing import NotOffered, Offer
from tests.discord_server.commands import MESSAGE, USER, Commands
from tests.discord_server.forms import inputs
from tests.discord_server.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction, Interactions
from tests.discord_server.payloads import Links
from tests.discord_server.permissions import Permission, require
from tests.discord_server.posting import Draft, Posting, may_post, must_be_open
from tests.discord_server.records import Application, Attachment, Channel, Guild, Json, Message, Role
from tests.discord_server.records import User as Account
from tests.discord_server.threads import Threads
from tests.discord_server.world import World

P = Permission


@dataclass(frozen=True, slots=True)
class Town:
    """What people act through."""

    world: World
    posting: Posting
    threads: Threads
    interactions: Interactions
    commands: Commands
    links: Links


class Person:
    """One user account. Every verb acts at once; what the bots hear of it is in their gateway queues when it returns."""

    def __init__(self, account: Account, town: Town) -> None:
        self.account, self._town = account, town

    @property
    def id(self) -> int:
        return self.account.id

    @property
    def mention(self) -> str:
        return self.account.mention

    # places

    def join(self, guild: Guild, *roles: Role) -> None:
        self._town.world.join(guild, self.account, *roles)

    def leave(self, guild: Guild) -> None:
        self._town.world.leave(guild, self.account)

    def dm(self, bot: Application) -> Channel:
        """Open the DM with a bot; without a common guild this installs the app for the user."""
        world = self._town.world
        if not any(bot.id in one.bots and self.id in one.members for one in world.guilds.values()):
            world.install(self.account, bot)
        return world.direct(bot, self.account)

    def close_dms(self, bot: Application) -> None:
        self._town.world.close_direct(self.account, bot)

    def open_dms(self, bot: Application) -> None:
        self._town.world.open_direct(self.account, bot)

    # messages

    def say(
        self,
        place: Channel,
        text: str = "",
        *,
        reply_to: Message | None = None,
        ping_reply: bool = True,
        files: Iterable[tuple[str, bytes, str]] = (),
    ) -> Message:
        """Write; `files` are (name, content, media type). Mentions are written as in `bot.mention`."""
        attached = [self._attach(*one) for one in files]
        may_post(place, self.id, files=bool(attached))
        rule = {"parse": ["users", "roles", "everyone"], "replied_user": ping_reply}
        draft = Draft(text, files=attached, reply_to=reply_to, allowed_mentions=rule if reply_to else None)
        return self._town.posting.post(place, self.account, draft)

    def _attach(self, name: str, content: bytes, kind: str) -> Attachment:
        return Attachment(self._town.links.clock.snowflake(), name, content, kind)

    def edit(self, message: Message, text: str) -> None:
        must_be_open(message.channel, self.id)
        self._town.posting.edit(message, {"content": text}, bot=None, editor=self.account)

    def delete(self, message: Message) -> None:
        """Delete one's own message, or as a moderator another's."""
        if message.author is not self.account:
            require(message.channel, self.id, P.MANAGE_MESSAGES)
        must_be_open(message.channel, self.id, deleting=True)
        self._town.posting.delete(message, bot=None)

    def type(self, place: Channel) -> None:
        self._town.posting.type(place, self.account, None)

    # threads

    def start_thread(
        self, name: str, *, on: Message | None = None, place: Channel | None = None, private: bool = False
    ) -> Channel:
        """A thread on a message, or without one in a channel."""
        if on is not None:
            return self._town.threads.from_message(on, self.account, name, bot=None)
        assert place is not None
        return self._town.threads.standalone(place, self.account, name, private=private, bot=None)

    def post(self, forum: Channel, title: str, text: str, *, tags: Sequence[str] = ()) -> Channel:
        """A forum post; `tags` by name."""
        ids = [one["id"] for one in forum.tags if one["name"] in tags]
        return self._town.threads.forum_post(forum, self.account, title, Draft(text), tags=ids, bot=None)

    def change_thread(self, thread: Channel, **changes: Any) -> None:
        """`archived`, `locked`, `name`: as the thread's owner or a moderator."""
        self._town.threads.change(thread, self.id, changes, bot=None)

    def remove_channel(self, place: Channel) -> None:
        """Delete a channel or thread; needs the permission."""
        self._town.threads.remove(place, self.id, bot=None)

    # interactions

    def press(self, message: Message, button: str) -> Interaction:
        """Press a button, named by its custom_id or its label."""
        part = self._component(message, button, kinds=(2,))
        data: Json = {"custom_id": part["custom_id"], "component_type": 2}
        return self._act(COMPONENT, message, data)

    def choose(self, message: Message, custom_id: str, *values: str) -> Interaction:
        """Choose in a string menu."""
        part = self._component(message, custom_id, kinds=(3,))
        offered = {one["value"] for one in part.get("options") or ()}
        if not set(values) <= offered:
            raise NotOffered(f"the menu has {sorted(offered)}")
        return self._act(
            COMPONENT, message, {"custom_id": custom_id, "component_type": 3, "values": list(values), "resolved": {}}
        )

    def _component(self, message: Message, name: str, *, kinds: tuple[int, ...]) -> Json:
        if message.deleted or (message.shown_to is not None and message.shown_to is not self.account):
            raise NotOffered("the message is not there")
        if message.webhook_id is None:
            require(message.channel, self.id, P.VIEW_CHANNEL)
        for row in message.components:
            for part in row.get("components", ()):
                if part.get("type") in kinds and name in (part.get("custom_id"), part.get("label")):
                    if part.get("disabled"):
                        raise NotOffered(f"{name} is disabled")
                    return dict(part)
        raise NotOffered(f"no {name!r} on the message; it has {message.buttons}")

    def _act(self, kind: int, message: Message, data: Json) -> Interaction:
        app = self._town.world.apps[message.author.id]
        return self._town.interactions.open(kind, app, message.channel, self.account, data, source=message)

    def submit(self, opened: Interaction, **fields: str) -> Interaction:
        """Fill in and send the modal that an interaction opened; fields by custom_id."""
        if opened.modal is None:
            raise NotOffered("no modal is open")
        rows = [self._filled(part, fields) for part in opened.modal["components"]]
        missing = [
            one["custom_id"] for one in inputs(opened.modal) if one.get("required", True) and not fields.get(one["custom_id"])
        ]
        if missing:
            raise NotOffered(f"required: {missing}")
        data: Json = {"custom_id": opened.modal["custom_id"], "components": rows, "resolved": {}}
        return self._town.interactions.open(MODAL, opened.app, opened.place, self.account, data, source=opened.source)

    @staticmethod
    def _filled(part: Json, fields: dict[str, str]) -> Json:
        """One input as it comes back: under a label as `component`, in a row as `components`."""
        inner = [part["component"]] if "component" in part else part["components"]
        sent = [
            {"type": one["type"], "id": 1, "custom_id": one["custom_id"], "value": fields.get(one["custom_id"], "")}
            for one in inner
        ]
        return (
            {"type": part["type"], "id": 1, "component": sent[0]}
            if "component" in part
            else {"type": 1, "id": 1, "components": sent}
        )

    def run(self, place: Channel, command: str, *, bot: Application, **options: Any) -> Interaction:
        """Run a slash command by its whole name ("ticket close"); options by name, users, channels and roles as records."""
        data = self._offer(place, bot).chat(command, options)
        return self._town.interactions.open(COMMAND, bot, place, self.account, data)

    def complete(self, place: Channel, command: str, option: str, typed: str, *, bot: Application, **options: Any) -> Interaction:
        """Type into an option with autocompletion; the answer is in the interaction's `choices`."""
        data = self._offer(place, bot).chat(command, {**options, option: typed}, focused=option)
        return self._town.interactions.open(AUTOCOMPLETE, bot, place, self.account, data)

    def menu(self, place: Channel, command: str, target: "Message | Account | Person", *, bot: Application) -> Interaction:
        """Use a context menu on a message or a user."""
        offer = self._offer(place, bot)
        if isinstance(target, Message):
            data = offer.menu(MESSAGE, command, target.id, {"messages": {str(target.id): self._town.links.message(target)}})
        else:
            account = target.account if isinstance(target, Person) else target
            data = offer.menu(USER, command, account.id, offer.resolved_user(account))
        return self._town.interactions.open(COMMAND, bot, place, self.account, data)

    def _offer(self, place: Channel, bot: Application) -> Offer:
        rights = require(place, self.id, P.VIEW_CHANNEL)
        if place.guild is not None and not rights & P.USE_APPLICATION_COMMANDS:
            raise NotOffered("application commands are not allowed here")
        if place.archived:
            raise NotOffered("the thread is archived")
        return Offer(self._town.commands, bot, place, rights)
