"""Messages: who may post, what a post does, edits and deletions. People and bots go through the same rules."""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.discord_server import mentions, seen
from tests.discord_server.clock import Clock
from tests.discord_server.events import Events
from tests.discord_server.limits import Limits
from tests.discord_server.permissions import Permission, in_channel, require
from tests.discord_server.records import NOBODY, Application, Attachment, Channel, Json, Message, Pings, User
from tests.discord_server.refusals import Refusal, not_your_message, thread_archived, thread_locked, unknown
from tests.discord_server.seen import Log, Seen

P = Permission


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be posted, already checked."""

    content: str = ""
    embeds: Sequence[Json] = ()
    components: Sequence[Json] = ()
    files: Sequence[Attachment] = ()
    allowed_mentions: Json | None = None
    reply_to: Message | None = None
    nonce: str | int | None = None
    flags: int = 0


def may_post(place: Channel, user_id: int, *, files: bool = False, embeds: bool = False) -> None:
    """Raise what keeps a user from posting: 40058 forum, 50001, 50013, 50083 archived and locked, 160005 locked."""
    if place.type == Channel.FORUM:
        raise Refusal(400, 40058, "Cannot send messages in a forum channel")
    if place.type == Channel.CATEGORY:
        raise Refusal(400, 50008, "Cannot send messages in a non-text channel")
    needed = P.SEND_MESSAGES_IN_THREADS if place.is_thread else P.SEND_MESSAGES
    rights = require(place, user_id, needed | P.ATTACH_FILES * files | P.EMBED_LINKS * embeds)
    if place.locked and not rights & P.MANAGE_THREADS:
        raise thread_archived() if place.archived else thread_locked()


def must_be_open(place: Channel, user_id: int, *, deleting: bool = False) -> None:
    """In an archived thread only deletions happen, in an archived and locked one not even these (docs: topics/threads)."""
    if not place.is_thread:
        return
    manager = bool(in_channel(place, user_id) & P.MANAGE_THREADS)
    if place.archived and not (deleting and (manager or not place.locked)):
        raise thread_archived()
    if place.locked and not deleting and not manager:
        raise thread_locked()


class Posting:
    """Writes to channels, tells the gateway and the log. `keep` bounds the messages of one channel."""

    def __init__(self, events: Events, log: Log, clock: Clock, limits: Limits, keep: int | None) -> None:
        self._events, self._log, self._clock, self._limits, self._keep = events, log, clock, limits, keep
        self._nonces: OrderedDict[tuple[int, str], tuple[float, Message]] = OrderedDict()
        self.repeated_nonces = 0

    def repeated(self, author_id: int, nonce: str | int) -> Message | None:
        """The message this author made with this nonce in the window. If it was deleted since, 404 10008: that is intended
        (discord/discord-api-docs pull request 6647)."""
        now = self._clock.monotonic()
        while self._nonces and now - next(iter(self._nonces.values()))[0] > self._limits.nonce_window:
            self._nonces.popitem(last=False)
        found = self._nonces.get((author_id, str(nonce)))
        if found is None:
            return None
        self.repeated_nonces += 1
        if found[1].deleted:
            raise unknown("Message")
        return found[1]

    def remember(self, message: Message) -> None:
        assert message.nonce is not None
        self._nonces[message.author.id, str(message.nonce)] = (self._clock.monotonic(), message)

    def post(self, place: Channel, author: User, draft: Draft, *, bot: Application | None = None) -> Message:
        """A plain message or a reply. An archived thread wakes up (docs: topics/threads)."""
        if place.archived:
            self.wake(place, bot)
        message = Message(self._clock.snowflake(), place, author, draft.content, nonce=draft.nonce, flags=draft.flags)
        self._fill(message, draft)
        if draft.reply_to is not None:
            message.type, message.reply_to = 19, draft.reply_to
            message.reference = reference(draft.reply_to)
        self.add(message, self.pings(message, draft), bot=bot)
        return message

    @staticmethod
    def pings(message: Message, draft: Draft) -> Pings:
        """Set the message's mentions and say who is pinged, by the default of plain messages."""
        return mentions.apply(message, draft.allowed_mentions, mentions.EVERYTHING)

    @staticmethod
    def _fill(message: Message, draft: Draft) -> None:
        message.embeds, message.components = list(draft.embeds), list(draft.components)
        message.attachments = list(draft.files)

    def add(self, message: Message, pings: Pings = NOBODY, *, bot: Application | None, interaction: int | None = None) -> None:
        """Store a finished message, dispatch and log it."""
        place = message.channel
        if not message.flags & Message.EPHEMERAL:
            place.messages[message.id] = message
            insort(place.order, message.id)
            place.last_message_id = message.id
            place.total_sent += 1
            self._bound(place)
            if place.is_thread and message.author.id not in place.thread_members:
                place.thread_members[message.author.id] = self._clock.now()
        self._events.message("MESSAGE_CREATE", message)
        what = "deferred" if message.flags & Message.LOADING else "sent"
        self._see(message, what, bot, pings, interaction)

    def _bound(self, place: Channel) -> None:
        while self._keep is not None and len(place.order) > self._keep:
            del place.messages[place.order.pop(0)]

    def edit(
        self,
        message: Message,
        changes: Json,
        *,
        files: Sequence[Attachment] = (),
        bot: Application | None,
        editor: User | None = None,
    ) -> None:
        """Apply the given fields; the mentions are computed anew and ping nobody. A thinking message becomes a real one."""
        if editor is not None and message.author is not editor:
            raise not_your_message()
        first = bool(message.flags & Message.LOADING)
        for name in ("content", "embeds", "components"):
            if name in changes:
                setattr(message, name, changes[name] or ("" if name == "content" else []))
        if "attachments" in changes:
            kept = {str(each.get("id")) for each in changes["attachments"] or ()}
            message.attachments = [each for each in message.attachments if str(each.id) in kept]
        message.attachments = [*message.attachments, *files]
        default = mentions.EVERYTHING if message.webhook_id is None else mentions.ONLY_USERS
        pings = mentions.apply(message, changes.get("allowed_mentions"), default)
        message.flags &= ~Message.LOADING
        message.edited = self._clock.now()
        self._events.message("MESSAGE_UPDATE", message)
        self._see(message, "sent" if first else "edited", bot, pings if first else NOBODY, None)

    def delete(self, message: Message, *, bot: Application | None) -> None:
        place = message.channel
        message.deleted = True
        if place.messages.pop(message.id, None) is not None:
            del place.order[bisect_left(place.order, message.id)]
        self._events.message_gone(message)
        self._see(message, "deleted", bot, NOBODY, None)

    def wake(self, place: Channel, bot: Application | None) -> None:
        place.archived, place.archive_changed = False, self._clock.now()
        self._events.thread("THREAD_UPDATE", place)
        self._log.add(seen.of_channel(place, "unarchived", self._clock.now(), bot=bot.id if bot else None))

    def type(self, place: Channel, author: User, bot: Application | None) -> None:
        now = self._clock.now()
        self._events.typing(place, author.id, now)
        self._log.add(Seen(now, "typing", place.id, bot=bot.id if bot else None, author=author.id))

    def _see(self, message: Message, what: str, bot: Application | None, pings: Pings, interaction: int | None) -> None:
        who = bot.id if bot else None
        number = interaction if interaction is not None else int((message.interaction or {}).get("id", 0)) or None
        self._log.add(seen.of_message(message, what, self._clock.now(), bot=who, pings=pings, interaction=number))


def reference(message: Message) -> Json:
    said: Json = {"type": 0, "message_id": str(message.id), "channel_id": str(message.channel.id)}
    return said | {"guild_id": str(message.channel.guild.id)} if message.channel.guild else said


def find(place: Channel, message_id: int) -> Message:
    message = place.messages.get(message_id)
    if message is None:
        raise unknown("Message")
    return message


def page(place: Channel, *, after: int | None, before: int | None, around: int | None, limit: int) -> list[Message]:
    """A page of history, newest first (docs: resources/message, "Get Channel Messages"); the three cursors exclude each other."""
    order = place.order
    if around is not None:
        middle = bisect_left(order, around)
        chosen = order[max(0, middle - limit // 2) : middle + (limit + 1) // 2]
    elif after is not None:
        start = bisect_right(order, after)
        chosen = order[start : start + limit]
    else:
        end = bisect_left(order, before) if before is not None else len(order)
        chosen = order[max(0, end - limit) : end]
    return [place.messages[each] for each in reversed(chosen)]
