"""Threads and forum posts: their birth, their states, their end (docs: topics/threads, resources/channel)."""

from collections.abc import Sequence

from tests.discord_server import payloads, seen
from tests.discord_server.clock import Clock
from tests.discord_server.events import Events
from tests.discord_server.permissions import Permission, in_channel, require
from tests.discord_server.posting import Draft, Posting, reference
from tests.discord_server.records import Application, Channel, Json, Message, User
from tests.discord_server.refusals import Refusal, bad_length, invalid_form, missing_permissions, thread_archived, thread_exists
from tests.discord_server.seen import Log

P = Permission
DURATIONS = (60, 1440, 4320, 10080)  # minutes


class Threads:
    def __init__(self, channels: dict[int, Channel], events: Events, posting: Posting, log: Log, clock: Clock) -> None:
        self._channels, self._events, self._posting, self._log, self._clock = channels, events, posting, log, clock

    def from_message(self, message: Message, author: User, name: str, *, archive: int = 1440, bot: Application | None) -> Channel:
        """A public thread with the id of its message; 160004 for the second one."""
        place = message.channel
        if place.type != Channel.TEXT:
            raise Refusal(400, 50024, "Cannot execute action on this channel type")
        require(place, author.id, P.CREATE_PUBLIC_THREADS | P.READ_MESSAGE_HISTORY)
        if message.thread is not None or message.id in self._channels:
            raise thread_exists()
        thread = self._make(message.id, Channel.PUBLIC_THREAD, place, author, name, archive)
        message.thread, message.flags = thread, message.flags | Message.HAS_THREAD
        self._born(thread, bot)
        starter = Message(
            self._clock.snowflake(),
            thread,
            message.author,
            type=Message.THREAD_STARTER,
            reply_to=message,
            reference=reference(message),
        )
        thread.messages[starter.id] = starter
        thread.order.append(starter.id)
        self._events.message("MESSAGE_CREATE", starter)
        self._events.message("MESSAGE_UPDATE", message)
        return thread

    def standalone(
        self, place: Channel, author: User, name: str, *, private: bool = False, archive: int = 1440, bot: Application | None
    ) -> Channel:
        if place.type != Channel.TEXT:
            raise Refusal(400, 50024, "Cannot execute action on this channel type")
        require(place, author.id, P.CREATE_PRIVATE_THREADS if private else P.CREATE_PUBLIC_THREADS)
        kind = Channel.PRIVATE_THREAD if private else Channel.PUBLIC_THREAD
        thread = self._make(self._clock.snowflake(), kind, place, author, name, archive)
        self._born(thread, bot)
        return thread

    def forum_post(
        self,
        forum: Channel,
        author: User,
        name: str,
        draft: Draft,
        *,
        tags: Sequence[str] = (),
        archive: int = 1440,
        bot: Application | None,
    ) -> Channel:
        """A thread and its first message, both with the same id; needs SEND_MESSAGES only."""
        require(forum, author.id, P.SEND_MESSAGES | P.ATTACH_FILES * bool(draft.files))
        known = {one["id"] for one in forum.tags}
        if not set(tags) <= known:
            raise Refusal(404, 10087, "Unknown Tag")
        thread = self._make(self._clock.snowflake(), Channel.PUBLIC_THREAD, forum, author, name, archive)
        thread.applied_tags = list(tags)
        forum.last_message_id = thread.id
        self._born(thread, bot)
        first = Message(thread.id, thread, author, draft.content, flags=draft.flags)
        first.embeds, first.components, first.attachments = list(draft.embeds), list(draft.components), list(draft.files)
        self._posting.add(first, self._posting.pings(first, draft), bot=bot)
        return thread

    def _make(self, number: int, kind: int, place: Channel, author: User, name: str, archive: int) -> Channel:
        if not 1 <= len(name or "") <= 100:
            raise bad_length("name", 1, 100)
        if archive not in DURATIONS:
            raise invalid_form("auto_archive_duration", "BASE_TYPE_CHOICES", f"Value must be one of {DURATIONS}.")
        now = self._clock.now()
        thread = Channel(number, kind, name, place.guild, place, owner_id=author.id, auto_archive=archive, archive_changed=now)
        thread.thread_members[author.id] = now
        return thread

    def _born(self, thread: Channel, bot: Application | None) -> None:
        assert thread.guild is not None
        self._channels[thread.id] = thread.guild.threads[thread.id] = thread
        self._events.thread("THREAD_CREATE", thread, newly_created=True)
        self._say(thread, "thread", bot, thread.owner_id)

    def change(self, thread: Channel, user_id: int, changes: Json, *, bot: Application | None) -> None:
        """Name, archived, locked, tags, duration (docs: topics/threads, "Editing & Deleting Threads")."""
        self._may_change(thread, user_id, changes)
        if not 1 <= len(changes.get("name", "x")) <= 100:
            raise bad_length("name", 1, 100)
        before = (thread.archived, thread.locked)
        thread.name = changes.get("name", thread.name)
        thread.locked = bool(changes.get("locked", thread.locked))
        thread.auto_archive = changes.get("auto_archive_duration") or thread.auto_archive
        thread.applied_tags = [str(each) for each in changes.get("applied_tags", thread.applied_tags)]
        if "archived" in changes and bool(changes["archived"]) != thread.archived:
            thread.archived, thread.archive_changed = bool(changes["archived"]), self._clock.now()
        self._events.thread("THREAD_UPDATE", thread)
        self._log_states(thread, before, bot, user_id)

    def _may_change(self, thread: Channel, user_id: int, changes: Json) -> None:
        rights = require(thread, user_id, P.VIEW_CHANNEL)
        manager = bool(rights & P.MANAGE_THREADS)
        if thread.archived and changes.get("archived", True):
            raise thread_archived()
        opening = set(changes) == {"archived"} and not changes["archived"]
        if opening and not thread.locked and rights & P.SEND_MESSAGES_IN_THREADS:
            return
        if not manager and ("locked" in changes or thread.locked or thread.owner_id != user_id):
            raise missing_permissions()

    def _log_states(self, thread: Channel, before: tuple[bool, bool], bot: Application | None, user_id: int) -> None:
        for was, now, on, off in (
            (before[0], thread.archived, "archived", "unarchived"),
            (before[1], thread.locked, "locked", "unlocked"),
        ):
            if was != now:
                self._say(thread, on if now else off, bot, user_id)

    def join(self, thread: Channel, user: User) -> None:
        """Become a member (docs: resources/channel, "Join Thread")."""
        require(thread, user.id, P.VIEW_CHANNEL)
        if thread.archived:
            raise thread_archived()
        thread.thread_members.setdefault(user.id, self._clock.now())
        self._members(thread, added=[payloads.thread_member(thread, user.id)])

    def leave(self, thread: Channel, user: User) -> None:
        if thread.archived:
            raise thread_archived()
        thread.thread_members.pop(user.id, None)
        self._members(thread, removed=[str(user.id)])

    def _members(self, thread: Channel, *, added: Sequence[Json] = (), removed: Sequence[str] = ()) -> None:
        assert thread.guild is not None
        count = min(len(thread.thread_members), 50)
        said: Json = {"id": str(thread.id), "guild_id": str(thread.guild.id), "member_count": count}
        self._events.at(thread, "THREAD_MEMBERS_UPDATE", said | {"added_members": added, "removed_member_ids": removed})

    def remove(self, place: Channel, user_id: int, *, bot: Application | None) -> None:
        """Delete a channel or a thread; MANAGE_CHANNELS or MANAGE_THREADS."""
        assert place.guild is not None
        require(place, user_id, P.MANAGE_THREADS if place.is_thread else P.MANAGE_CHANNELS)
        if place.is_thread:
            assert place.parent is not None
            said = {"id": str(place.id), "guild_id": str(place.guild.id), "parent_id": str(place.parent.id), "type": place.type}
            self._events.at(place, "THREAD_DELETE", said)
        else:
            self._events.channel("CHANNEL_DELETE", place)
        for gone in [place, *(one for one in place.guild.threads.values() if one.parent is place)]:
            self._channels.pop(gone.id, None)
            place.guild.threads.pop(gone.id, None)
        place.guild.channels.pop(place.id, None)
        self._say(place, "removed", bot, user_id)

    def _say(self, place: Channel, what: str, bot: Application | None, author: int) -> None:
        self._log.add(seen.of_channel(place, what, self._clock.now(), bot=bot.id if bot else None, author=author))


def active(place: Channel, viewer: int) -> list[Channel]:
    assert place.guild is not None
    return [one for one in place.guild.threads.values() if one.parent is place and not one.archived and in_channel(one, viewer)]
