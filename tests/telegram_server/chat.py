"""Chats, topics and messages as the Bot API describes them: https://core.telegram.org/bots/api#chat and #message."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

Kind = Literal["private", "group", "supergroup"]
PRESENT = frozenset({"member", "administrator"})


@dataclass(slots=True, eq=False)
class Message:
    """`content` holds the fields of what it says (text and entities, photo, a service notice); `sender` is a User object."""

    chat: "Chat"
    message_id: int
    sender: dict[str, Any]
    date: int
    content: dict[str, Any]
    thread_id: int | None = None
    reply_to: "Message | None" = None
    markup: dict[str, Any] | None = None
    edit_date: int = 0
    media_group_id: str = ""
    service: bool = False

    @property
    def by(self) -> int:
        sender_id: int = self.sender["id"]
        return sender_id

    @property
    def answers(self) -> "Message | None":
        """The message it was a reply to on purpose: not its topic's first one."""
        return None if self.reply_to is None or self.reply_to.message_id == self.thread_id else self.reply_to

    @property
    def text(self) -> str:
        text: str = self.content.get("text") or self.content.get("caption") or ""
        return text

    @property
    def entities(self) -> list[dict[str, Any]]:
        entities: list[dict[str, Any]] = self.content.get("entities") or self.content.get("caption_entities") or []
        return entities

    def as_json(self, *, with_reply: bool = True) -> dict[str, Any]:
        """JsonMessage::store in Client.cpp: a reply within a reply is left out."""
        made: dict[str, Any] = {
            "message_id": self.message_id,
            "from": self.sender,
            "chat": self.chat.as_json(),
            "date": self.date,
        }
        if self.edit_date:
            made["edit_date"] = self.edit_date
        if self.thread_id is not None:
            made |= {"message_thread_id": self.thread_id, "is_topic_message": True}
        if with_reply and self.reply_to is not None:
            made["reply_to_message"] = self.reply_to.as_json(with_reply=False)
        if self.media_group_id:
            made["media_group_id"] = self.media_group_id
        made |= self.content
        if self.markup is not None:
            made["reply_markup"] = self.markup
        return made


@dataclass(slots=True, eq=False)
class Topic:
    """A forum topic; its id is that of the service message that made it."""

    chat: "Chat"
    thread_id: int
    name: str
    root: Message
    closed: bool = False


@dataclass(slots=True, eq=False)
class Draft:
    """What sendMessageDraft shows until `until`, or until a message comes."""

    draft_id: int
    thread_id: int | None
    text: str
    until: float
    can_stop: bool
    keep_on_stop: bool


@dataclass(eq=False)
class Chat:
    """`bots` and `people` say how each stands in it (ChatMember.status). A private chat belongs to one bot and one person; its id
    is the person's.

    Only the last `most` messages are remembered; older ones are as good as gone.
    """

    id: int
    kind: Kind
    facts: dict[str, Any]  # title, or the person's name and username
    next_id: Callable[[], int] = field(default_factory=lambda: count(2).__next__)  # 1 made the supergroup
    forum: bool = False
    most: int = 20_000
    messages: dict[int, Message] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    bots: dict[int, str] = field(default_factory=dict)
    people: dict[int, str] = field(default_factory=dict)
    drafts: dict[int | None, Draft] = field(default_factory=dict)
    stopped: deque[int] = field(default_factory=lambda: deque(maxlen=100))
    started: bool = True
    blocked: bool = False
    deactivated: bool = False
    migrated_to: int | None = None
    last_bot: int | None = None

    @property
    def private(self) -> bool:
        return self.kind == "private"

    def as_json(self) -> dict[str, Any]:
        made = {"id": self.id, "type": self.kind, **self.facts}
        return made | {"is_forum": True} if self.forum else made

    def add(self, sender: dict[str, Any], date: int, content: dict[str, Any], **more: Any) -> Message:
        """A new message; in a topic without a reply it answers the topic's first message
        (Client::get_implicit_reply_to_message_id), which updates and results show as `reply_to_message`.
        """
        message = Message(self, self.next_id(), sender, date, content, **more)
        if message.reply_to is None and message.thread_id in self.topics and not self.private:
            message.reply_to = self.topics[message.thread_id].root
        self.messages[message.message_id] = message
        if len(self.messages) > self.most:
            del self.messages[next(iter(self.messages))]
        return message

    def open_topic(self, sender: dict[str, Any], date: int, name: str) -> Topic:
        root = self.add(sender, date, {"forum_topic_created": {"name": name, "icon_color": 7322096}}, service=True)
        root.thread_id = root.message_id
        topic = self.topics[root.message_id] = Topic(self, root.message_id, name, root)
        return topic

    def delete_topic(self, thread_id: int) -> list[Message]:
        """The topic with all its messages, which are returned."""
        del self.topics[thread_id]
        gone = [message for message in self.messages.values() if message.thread_id == thread_id]
        for message in gone:
            del self.messages[message.message_id]
        return gone

    def draft_at(self, now: float, thread_id: int | None = None) -> Draft | None:
        draft = self.drafts.get(thread_id)
        return draft if draft is not None and now < draft.until else None
