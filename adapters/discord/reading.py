"""What a person reads in a message: its text without the bot's own mention, and references to its files. Pure."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from adapters.discord.addressing import mentions
from adapters.discord.payloads import Attachment, Content, Message, Poll, Sticker
from adapters.discord.places import Place
from bot.events import AttachmentReference

VOICE_MESSAGE = 1 << 13
MOST_QUOTED = 1500
KINDS = {"image": "photo", "audio": "audio", "video": "video"}
_EMOJI = re.compile(r"<a?(:\w{1,32}:)\d+>")
_USER = re.compile(r"<@!?(\d+)>")


def text_of(message: Message, place: Place, me: str) -> str:
    """The text with people named and the bot's mention taken out, then polls and forwarded messages as text. A mention alone
    under somebody's message asks about that message; a mention with nothing at all is a greeting: "/start".
    """
    parts = [_spoken(message, place, me), _poll(message.poll), *_forwarded(message)]
    text = "\n\n".join(filter(None, parts))
    if text or files_of(message) or place.is_dm or not mentions(message, place, me):
        return text
    quoted = message.referenced_message
    return quote(quoted.content) if quoted is not None and quoted.content and quoted.author.id != me else "/start"


def quote(text: str) -> str:
    """Somebody's words as a quotation, cut to a length that leaves room for a question."""
    cut = text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…"
    return "\n".join(f"> {line}" for line in cut.splitlines())


def files_of(message: Message) -> tuple[AttachmentReference, ...]:
    """References "channel/message/file" of the files and stickers shown; URLs expire, so they are asked for anew when needed."""
    where = f"{message.channel_id}/{message.id}"
    shown: list[Message | Content] = [message, *(snapshot.message for snapshot in message.message_snapshots)]
    voice = bool(message.flags & VOICE_MESSAGE)
    files = [_file(where, attachment, voice=voice) for one in shown for attachment in one.attachments]
    return (*files, *(_sticker(where, sticker) for one in shown for sticker in one.sticker_items))


def _spoken(message: Message, place: Place, me: str) -> str:
    own = "|".join([rf"<@!?{re.escape(me)}>", *(rf"<@&{re.escape(role)}>" for role in sorted(place.roles))])
    text = re.sub(rf"[ \t]?(?:{own})", "", message.content or "")
    names = {user.id: user.global_name or user.username or user.id for user in message.mentions}
    text = _USER.sub(lambda found: f"@{names.get(found[1], found[1])}", text)
    called = text != (message.content or "")
    text = _EMOJI.sub(r"\1", text).strip()
    return text.lstrip(",:; \n") if called else text


def _poll(poll: Poll | None) -> str:
    if poll is None:
        return ""
    answers = [f"- {answer.poll_media.get('text', '')}" for answer in poll.answers]
    return "\n".join([f"Poll: {poll.question.get('text', '')}", *answers])


def _forwarded(message: Message) -> list[str]:
    return [f"Forwarded message:\n{quote(one.message.content)}" for one in message.message_snapshots if one.message.content]


def _file(where: str, attachment: Attachment, *, voice: bool) -> AttachmentReference:
    mime = attachment.content_type or ""
    kind = "voice" if voice else KINDS.get(mime.partition("/")[0], "file")
    reference = f"{where}/{attachment.id}"
    return AttachmentReference(kind, reference, attachment.filename, mime, attachment.size, _expiry(attachment.url))


def _sticker(where: str, sticker: Sticker) -> AttachmentReference:
    return AttachmentReference("sticker", f"{where}/{sticker.id}", sticker.name)


def _expiry(url: str) -> datetime | None:
    """Signed addresses of files carry their end as hexadecimal seconds in `ex`."""
    try:
        return datetime.fromtimestamp(int(parse_qs(urlsplit(url).query)["ex"][0], 16), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
