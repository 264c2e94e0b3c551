"""Entities Telegram finds by itself in any text: `find_entities` and the `match_...` functions of tdlib/td, MessageEntity.cpp.

Simplified: URLs with a scheme or a common domain, e-mail addresses, mentions, commands, hashtags and cashtags; no phone or card
numbers.
"""

import re

from tests.telegram_server.marks import QUOTES, SPLITTABLE, Mark, in_order

_WORTH_A_LOOK = re.compile(r"[@#/$.]")
_ZONES = "com|org|net|io|dev|ru|uk|de|me|app|info|ai|shop|store|eu|us|tv|biz|co"
_PATTERNS = {
    "url": re.compile(
        rf"(?<![\w@])(?:https?://[^\s<>\"']+|(?:[a-z0-9-]+\.)+(?:{_ZONES})(?![\w@.-]*@)(?=[/?#:\s.,!)]|$)(?:[/?#:][^\s<>\"']*)?)",
        re.IGNORECASE,
    ),
    "email": re.compile(r"(?<![\w.])[\w.+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}(?!\w)", re.IGNORECASE),
    "mention": re.compile(r"\B@([a-zA-Z0-9_]{2,32})(?!\w)"),
    "bot_command": re.compile(r"(?<![\w/<>])/([a-zA-Z0-9_]{1,64})(?:@([a-zA-Z0-9_]{3,32}))?(?![\w/<>@])"),
    "hashtag": re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,256}(?![\w#])"),
    "cashtag": re.compile(r"(?<![\w$])\$[A-Z]{3,8}(?![\w$])"),
}


def spotted(text: str, marks: list[Mark], *, commands: bool = True) -> list[Mark]:
    """The marks, and the found ones where they touch no solid mark and cross no quote (merge_new_entities), in order."""
    if not _WORTH_A_LOOK.search(text):
        return marks
    taken = [mark for mark in marks if mark.type not in SPLITTABLE and mark.type not in QUOTES]
    found: list[Mark] = []
    for kind, pattern in _PATTERNS.items():
        if kind == "bot_command" and not commands:
            continue
        for match in pattern.finditer(text):
            mark = _mark(kind, text, match.start(), _end(kind, match))
            if not any(mark.offset < other.end and other.offset < mark.end for other in taken):
                taken.append(mark)
                found.append(mark)
    return in_order(marks + found) if found else marks


def _end(kind: str, match: re.Match[str]) -> int:
    """A sentence's last mark is not part of its link."""
    return match.start() + len(match.group().rstrip(".,:;!?)")) if kind == "url" else match.end()


def _mark(kind: str, text: str, start: int, end: int) -> Mark:
    if text.isascii():
        return Mark(kind, start, end - start)
    before = _units(text[:start])
    return Mark(kind, before, _units(text[start:end]))


def _units(text: str) -> int:
    return len(text) + sum(each > "\uffff" for each in text)
