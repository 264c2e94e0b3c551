"""What Telegram's server would refuse or quietly repair in a text with entities, written from its rules and not from our code.

Sources: Bot API, "MessageEntity" and "Formatting options"; tdlib, td/telegram/MessageEntity.cpp (are_entities_valid,
clean_input_string_with_entities, get_input_message_entities), td/telegram/LinkManager.cpp (check_link_impl),
tdutils/td/utils/HttpUrl.cpp (parse_url), td/telegram/misc.cpp (clean_input_string, strip_empty_characters).
"""

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Protocol


class Entity(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def url(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...


KINDS = {"bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"}  # of all there are, those we make
EMPTY = set(" \n\u00a0\u1680\u180e\u202e\u202f\u205f\u2800\u3000\ufffc\ufeff") | {chr(one) for one in range(0x2000, 0x2010)}


def complaints(text: str, entities: Sequence[Entity]) -> list[str]:
    """Each broken rule as a sentence; none for a text that is shown as it was meant."""
    raw = text.encode("utf-16-le", "surrogatepass")
    found = [f"{char!r} is removed or replaced" for char in text if changed(char)]
    if not text or all(char in EMPTY for char in text):
        found.append("the text is empty")
    if len(entities) > 100:
        found.append("only 100 entities are kept")
    if sum(16 + len((one.url or "").encode()) for one in entities) > 9_500:
        found.append("entities too long")
    if [(one.offset, -one.length) for one in entities] != sorted((one.offset, -one.length) for one in entities):
        found.append("not sorted")
    for one in entities:
        found += alone(one, raw)
    for outer, inner in combinations(entities, 2):
        found += together(outer, inner)
    return found


def changed(char: str) -> bool:
    code = ord(char)
    return (code < 32 and char != "\n") or 0x2028 <= code <= 0x202E or code in {0x333, 0x33F, 0x30A} or 0xD800 <= code < 0xE000


def alone(one: Entity, raw: bytes) -> list[str]:
    """What is wrong with one entity on its text, given in UTF-16."""
    if one.type not in KINDS or (one.url is not None) != (one.type == "text_link") or (one.language and one.type != "pre"):
        return [f"{one} is not of a kind we make"]
    if one.offset < 0 or one.length <= 0 or (one.offset + one.length) * 2 > len(raw):
        return [f"{one} is empty or outside"]
    try:
        covered = raw[one.offset * 2 : (one.offset + one.length) * 2].decode("utf-16-le")
    except UnicodeDecodeError:
        return [f"{one} cuts a character in two"]
    found = []
    if covered[-1:].isspace() or (one.type != "pre" and covered[:1].isspace()) or not covered.strip():
        found.append(f"{one} has a blank edge")
    if one.url is not None and (why := refused(one.url)):
        found.append(f"{one.url}: {why}")
    if one.language is not None and not re.fullmatch(r"\S+", one.language):
        found.append(f"{one.language!r} is no language")
    return found


def together(outer: Entity, inner: Entity) -> list[str]:
    """What is wrong with two entities of which `outer` begins first or is longer."""
    end = outer.offset + outer.length
    if inner.offset >= end:
        return []
    if inner.offset + inner.length > end:
        return [f"{inner} crosses {outer}"]
    if inner.type == outer.type:
        return [f"{inner} is inside another of its type"]
    if outer.type in {"pre", "code"}:
        return [f"{inner} is inside code"]
    if inner.type in {"pre", "code"} and outer.type != "blockquote":
        return [f"{inner} is code inside {outer}"]
    if inner.type == "blockquote":
        return [f"{inner} is inside {outer}"]
    return []


def refused(url: str) -> str:
    """Why the server answers 400 to an entity with this address, or would make a mention of it; "" when it takes it."""
    if any(ord(char) <= 32 for char in url):
        return "white space"
    inside = url.lower().startswith("tg:")
    rest = url[3:].removeprefix("//") if inside else url
    scheme, found, behind = rest.partition("://")
    if found and not re.search(r"[/?#@\[\]:]", scheme):
        if scheme.lower() not in {"http", "https"} or inside:
            return "unknown protocol"
        rest = behind
    elif not inside:
        return "taken for http"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    host, colon, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        return "wrong port"
    if inside:
        bad = user or colon or not re.fullmatch(r"[A-Za-z0-9_-]+", host)
        return "wrong tg address" if bad else "a mention" if host.lower() == "user" else ""
    if at:
        return "a user name hides the host"
    if not host or host == "." or "." not in host or not re.fullmatch(r"[A-Za-z0-9._!$,~*'();&+=\u0080-\U0010ffff-]+", host):
        return "wrong host"
    return ""
