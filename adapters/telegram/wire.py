"""What we read of a Bot API update, and nothing else: a field that we do not use cannot make a message unreadable.

Fields and meanings: https://core.telegram.org/bots/api#update. Times are Unix seconds, offsets and lengths UTF-16 units.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

Unix = Annotated[int, Meta(ge=0, le=253_402_300_799)]  # what datetime can hold


class User(Struct):
    id: int
    is_bot: bool = False
    first_name: str | None = None
    last_name: str | None = None
    language_code: str | None = None


class Chat(Struct):
    id: int
    type: str
    title: str | None = None


class Entity(Struct):
    type: str
    offset: int
    length: int
    user: User | None = None


class File(Struct):
    """Photo sizes, documents, voice, audio, video, animations and stickers alike."""

    file_id: str
    file_size: int | None = None
    file_name: str | None = None
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    emoji: str | None = None
    is_animated: bool = False
    is_video: bool = False


class Contact(Struct):
    phone_number: str
    first_name: str | None = None
    last_name: str | None = None


class Location(Struct):
    latitude: float
    longitude: float


class Venue(Struct):
    title: str
    address: str
    location: Location


class PollOption(Struct):
    text: str


class Poll(Struct):
    question: str
    options: list[PollOption] = []


class Dice(Struct):
    emoji: str
    value: int


class RepliedTo(Struct):
    """Where somebody replied. A message in a topic without a reply of its own points to the one that opened the topic."""

    sender: User | None = field(default=None, name="from")
    forum_topic_created: Any = None


class Message(Struct):
    message_id: int
    date: Unix
    chat: Chat
    sender: User | None = field(default=None, name="from")
    sender_chat: Chat | None = None
    author_signature: str | None = None
    message_thread_id: int | None = None
    is_topic_message: bool | None = None
    is_automatic_forward: bool | None = None
    reply_to_message: RepliedTo | None = None
    edit_date: Unix | None = None
    media_group_id: str | None = None
    text: str | None = None
    entities: list[Entity] = []
    caption: str | None = None
    caption_entities: list[Entity] = []
    photo: list[File] = []
    animation: File | None = None
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    sticker: File | None = None
    contact: Contact | None = None
    location: Location | None = None
    venue: Venue | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None


class Pressed(Struct):
    """The message under which a button was pressed; of one that is out of reach only chat and id are told, and date 0."""

    chat: Chat
    message_thread_id: int | None = None
    is_topic_message: bool | None = None


class CallbackQuery(Struct):
    id: str
    sender: User = field(name="from")
    message: Pressed | None = None
    data: str | None = None


class Member(Struct):
    status: str
    is_member: bool | None = None
    can_send_messages: bool | None = None


class MemberUpdated(Struct):
    chat: Chat
    sender: User = field(name="from")
    date: Unix
    old_chat_member: Member
    new_chat_member: Member


class GenerationStopped(Struct):
    """The native stop button under a draft. Drafts exist in private chats only, so the chat is the person; no time is told."""

    chat: Chat
    message_thread_id: int | None = None


class Update(Struct):
    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: MemberUpdated | None = None
    stopped_message_generation: GenerationStopped | None = None


READ = tuple(name for name in Update.__struct_fields__ if name != "update_id")


def read(update: dict[str, Any]) -> Update:
    """Raises msgspec.ValidationError, which names the place and the types, never a value."""
    try:
        return msgspec.convert(update, Update)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell, where no text is expected
        raise msgspec.ValidationError("a value that is no text") from None
