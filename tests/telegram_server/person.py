"""A user of Telegram and what such a user can do. Every act takes effect at once and queues the updates the bots get."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.telegram_server import media
from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import PRESENT, Chat, Draft, Message, Topic
from tests.telegram_server.text import MOST_UNITS, formatted, units

if TYPE_CHECKING:
    from tests.telegram_server.group import Group
    from tests.telegram_server.world import World

CALLBACK_QUEUE = 3 << 33  # Client::process_new_callback_query_queue: presses wait in the presser's queue, not the chat's
MEMBER_QUEUE = 5 << 33  # Client::add_update_chat_member, of the bot itself
STOP_QUEUE = 14 << 33  # ours: the server's number is not published


@dataclass(slots=True, eq=False)
class Press:
    """A pressed button, its query and whether the bot answered it in time."""

    id: str
    bot: BotAccount
    chat: Chat
    thread_id: int | None
    message_id: int
    until: float
    answered: bool = False


class Person:
    """In every act `to` is a group or a bot; without it the only bot of the server, in private."""

    def __init__(self, world: "World", user_id: int, name: str, username: str, language: str) -> None:
        self.id, self.name, self.username, self.language = user_id, name, username, language
        self._world = world

    def user(self) -> dict[str, Any]:
        made = {"id": self.id, "is_bot": False, "first_name": self.name, "language_code": self.language}
        return made | {"username": self.username} if self.username else made

    def chat(self, to: "Group | BotAccount | None" = None) -> Chat:
        return self._world.chat_of(self, to)

    def say(
        self,
        text: str,
        *,
        to: "Group | BotAccount | None" = None,
        topic: Topic | None = None,
        reply_to: Message | int | None = None,
    ) -> Message:
        """A text message; its entities are found as Telegram finds them."""
        made = formatted(text, [])
        assert units(made.text) <= MOST_UNITS, "an app would have cut this text into several messages"
        content = {"text": made.text, "entities": made.entities} if made.entities else {"text": made.text}
        return self._put(content, to, topic, reply_to)

    def start(self, payload: str = "", *, to: BotAccount | None = None) -> Message:
        """Open the bot and press Start, by a link with a payload or without."""
        return self.say(f"/start {payload}".strip(), to=to)

    def send_photo(
        self, data: bytes = b"\xff\xd8picture", *, caption: str = "", size: int | None = None, **where: Any
    ) -> Message:
        file = self._world.files.add("photo", data, suffix=".jpg", size=size)
        return self._put(media.photo(file) | _caption(caption), **where)

    def send_document(
        self, data: bytes, name: str, *, mime: str = "application/pdf", caption: str = "", size: int | None = None, **where: Any
    ) -> Message:
        suffix = f".{name.rpartition('.')[2]}" if "." in name else ""
        file = self._world.files.add("document", data, mime=mime, suffix=suffix, size=size)
        return self._put(media.document(file, name) | _caption(caption), **where)

    def send_voice(self, data: bytes = b"OggSvoice", *, seconds: int = 3, **where: Any) -> Message:
        return self._put(media.voice(self._world.files.add("voice", data, suffix=".oga"), seconds), **where)

    def send_sticker(self, emoji: str = "\U0001f44d", **where: Any) -> Message:
        return self._put(media.sticker(self._world.files.add("sticker", emoji.encode(), suffix=".webp"), emoji), **where)

    def send_contact(self, phone: str = "+10000000000", **where: Any) -> Message:
        return self._put(media.contact(phone, self.name), **where)

    def send_location(self, latitude: float = 51.5, longitude: float = -0.1, **where: Any) -> Message:
        return self._put(media.location(latitude, longitude), **where)

    def send_album(self, pictures: list[bytes], *, caption: str = "", **where: Any) -> list[Message]:
        """One message and one update for each picture, with one media_group_id; the caption stands at the first; no end is
        marked.
        """
        assert 2 <= len(pictures) <= 10, "an album has 2-10 items"
        group = str(13_000_000_000_000_000 + self._world.next_number())
        files = [self._world.files.add("photo", data, suffix=".jpg") for data in pictures]
        contents = [media.photo(file) | (_caption(caption) if file is files[0] else {}) for file in files]
        return [self._put(content, album=group, **where) for content in contents]

    def edit(self, message: Message, text: str) -> None:
        """Change an own message."""
        assert message.by == self.id, "people edit their own messages"
        made = formatted(text, [])
        message.content = {"text": made.text, "entities": made.entities} if made.entities else {"text": made.text}
        message.edit_date = self._world.clock.unix()
        self._world.deliver_message(message, edited=True)

    def press(self, message: Message | int, button: str = "", *, to: "Group | BotAccount | None" = None) -> Press:
        """Press an inline button by its data or its words (the only one needs neither); on a deleted message too, as on a stale
        screen.
        """
        chat = message.chat if isinstance(message, Message) else self.chat(to)
        pressed = message if isinstance(message, Message) else chat.messages[message]
        rows = (pressed.markup or {}).get("inline_keyboard", [])
        fitting = [each for row in rows for each in row if button in {"", each.get("callback_data"), each["text"]}]
        assert len(fitting) == 1, f"{len(fitting)} buttons fit {button!r}"
        return self._world.take_press(self, pressed, fitting[0]["callback_data"])

    def stop_draft(self, *, to: BotAccount | None = None) -> Draft:
        """The stop button under the draft that is shown (sendMessageDraft's can_stop): Update.stopped_message_generation."""
        chat = self.chat(to)
        draft = chat.draft_at(self._world.clock.now())
        assert draft is not None, "there is no draft"
        assert draft.can_stop, "the draft has no stop button"
        chat.stopped.append(draft.draft_id)
        if not draft.keep_on_stop:
            del chat.drafts[draft.thread_id]
        content: dict[str, Any] = {"chat": chat.as_json(), "draft_id": draft.draft_id}
        if draft.thread_id is not None:
            content["message_thread_id"] = draft.thread_id
        self._world.bot_of(chat).deliver("stopped_message_generation", content, self.id + STOP_QUEUE)
        return draft

    def block(self, bot: BotAccount | None = None) -> None:
        self._set_blocked(bot, blocked=True)

    def unblock(self, bot: BotAccount | None = None) -> None:
        self._set_blocked(bot, blocked=False)

    def deactivate(self) -> None:
        """Delete the account: no update; "Forbidden: user is deactivated" from now on."""
        for chat in self._world.privates_of(self):
            chat.deactivated = True

    def delete(self, message: Message) -> None:
        """Delete any message of a private chat, or an own one elsewhere. Bots are not told."""
        assert message.chat.private or message.by == self.id or message.chat.people.get(self.id) in {"creator", "administrator"}
        del message.chat.messages[message.message_id]

    def _set_blocked(self, bot: BotAccount | None, *, blocked: bool) -> None:
        chat = self.chat(bot)
        chat.blocked = blocked
        old, new = ("member", "kicked") if blocked else ("kicked", "member")
        self._world.deliver_standing(self._world.bot_of(chat), chat, self.user(), old, new)

    def _put(
        self,
        content: dict[str, Any],
        to: "Group | BotAccount | None" = None,
        topic: Topic | None = None,
        reply_to: Message | int | None = None,
        album: str = "",
    ) -> Message:
        chat = self.chat(to)
        assert not chat.blocked, "who blocked the bot cannot write to it"
        assert chat.private or chat.people.get(self.id) in PRESENT | {"creator"}, f"{self.name} is not in {chat.facts}"
        assert topic is None or not topic.closed, "the topic is closed"
        chat.started = True
        answered = chat.messages[reply_to] if isinstance(reply_to, int) else reply_to
        message = chat.add(
            self.user(), self._world.clock.unix(), content,
            thread_id=topic.thread_id if topic else None, reply_to=answered, media_group_id=album,
        )  # fmt: skip
        self._world.deliver_message(message)
        return message


def _caption(caption: str) -> dict[str, Any]:
    if not caption:
        return {}
    made = formatted(caption, [])
    assert units(made.text) <= 1024, "captions have at most 1024 characters"
    return {"caption": made.text, "caption_entities": made.entities} if made.entities else {"caption": made.text}
