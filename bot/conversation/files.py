"""Files of customers in words: which of them are text, what bytes say, and what the model reads of a message with files. Pure."""

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bot.events import AttachmentReference

MOST_BYTES = 256 << 10  # of a file are read, more than KEPT needs in any encoding
LARGEST = 20 << 20  # Telegram gives bots no larger ones: https://core.telegram.org/bots/api#getfile
KEPT = 16_000  # characters of a file, its end mark included
LONGEST_NAME = 100
LEFT_OUT = "…"
NAMES = {"photo": "a photo", "voice": "a voice message", "audio": "an audio file", "video": "a video", "sticker": "a sticker"}
TEXT_TYPES = frozenset(
    f"application/{name}"
    for name in (
        *("json", "jsonl", "x-ndjson", "xml", "yaml", "x-yaml", "toml", "csv", "sql", "x-sh", "x-shellscript"),
        *("javascript", "x-javascript", "typescript", "x-python", "x-subrip", "x-tex", "x-log"),
    )
)
# rich text is named text, but is a document in a code of its own
NO_TEXT = ("text/rtf", "text/richtext", "image/", "audio/", "video/", "font/", "application/pdf")
# what a customer calls text; clients know no type for some, and a wrong one for others (.csv as a sheet of Excel)
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("txt", "text", "md", "markdown", "rst", "csv", "tsv", "json", "jsonl", "ndjson", "xml", "yaml", "yml", "toml", "ini"),
        *("cfg", "conf", "log", "html", "htm", "css", "js", "ts", "py", "sh", "sql", "srt", "vtt", "tex", "diff", "patch"),
    )
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_TICKS = re.compile(r"`+")
MOST_CONTROLS = 0.05  # of the characters: text has hardly any, a program or a picture a tenth and more


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as the model is told of it: with its `content`, as one that should be readable and is not, or as invisible."""

    kind: str
    name: str = ""
    is_text: bool = False
    content: str | None = None


def is_text(file: AttachmentReference) -> bool:
    """Whether a file shall be read, as far as its name, type and size tell."""
    if not file.reference or (file.size or 0) > LARGEST:
        return False
    mime = file.mime.partition(";")[0].strip().lower()
    if mime.startswith(NO_TEXT):
        return False
    named_text = mime.startswith("text/") or mime in TEXT_TYPES or mime.endswith(("+json", "+xml", "+yaml"))
    return named_text or PurePath(file.name.strip().lower()).suffix in SUFFIXES


def decoded(data: bytes, *, whole: bool = True) -> str | None:
    """What the bytes say, KEPT characters at most; None when they are no text. `whole`: nothing was cut off behind them."""
    text = _decoded(data, whole=whole)
    if text is None:
        return None
    text = _ANSI.sub("", text.removeprefix("\ufeff")).replace("\r\n", "\n").replace("\r", "\n")
    controls = len(_CONTROL.findall(text))
    if "\x00" in text or controls > MOST_CONTROLS * len(text):
        return None
    text = _CONTROL.sub("", text).strip()
    return text if len(text) < KEPT else text[: KEPT - 1] + LEFT_OUT


def _decoded(data: bytes, *, whole: bool) -> str | None:
    """By its byte order mark, else as UTF-8, else as Windows' Western European, which takes nearly all."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return _in("utf-16", data, whole=whole)
    for encoding in ("utf-8", "cp1252"):
        if (text := _in(encoding, data, whole=whole)) is not None:
            return text
    return data.decode("latin-1")


def _in(encoding: str, data: bytes, *, whole: bool) -> str | None:
    """None for what is not in that encoding. A cut may go through a character."""
    try:
        return getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        return None


def for_model(text: str, files: Sequence[SentFile]) -> str:
    """What the model reads of a message with files: what each text file says, which files it cannot see, then the words."""
    return "\n".join(filter(None, (*_unseen(files), *_shown(files), text))).strip()


def _unseen(files: Sequence[SentFile]) -> Iterator[str]:
    invisible = [_called(file) for file in files if not file.is_text]
    unread = [_called(file) for file in files if file.is_text and file.content is None]
    if invisible:
        yield f"[Sent along, not visible to you: {', '.join(invisible)}.]"
    if unread:
        yield f"[Sent along, but it could not be opened: {', '.join(unread)}.]"


def _shown(files: Sequence[SentFile]) -> Iterator[str]:
    """Each between two lines of backticks, more of them than the file has in a row: nothing in a file can end it."""
    for file in files:
        if file.content == "":
            yield f"[Sent along, and empty: {_called(file)}.]"
        elif file.content is not None:
            fence = "`" * max(3, 1 + max(map(len, _TICKS.findall(file.content)), default=0))
            yield f"[Sent along: {_called(file)}. What it says stands between the lines of backticks:]"
            yield f"{fence}\n{file.content}\n{fence}"
            if len(file.content) == KEPT:
                yield "[The file is longer; the rest of it was left out.]"


def _called(file: SentFile) -> str:
    name = " ".join(_CONTROL.sub("", file.name).split())[:LONGEST_NAME]
    return NAMES.get(file.kind, f"a file ({name})" if name else "a file")
