"""Characters and addresses as Telegram's server takes them: tdlib's misc.cpp, HttpUrl.cpp and LinkManager.cpp."""

import re

# clean_input_string: controls become spaces, "\r", line and direction separators and three combining lines go away
_TOUCHED = re.compile("[\x00-\x09\x0b-\x1f\u2028-\u202e\u0333\u033f\u030a\ud800-\udfff]")
_DROPPED = re.compile("[\r\u2028-\u202e\u0333\u033f\u030a]")
# strip_empty_characters: a text of these alone is refused as empty
_INVISIBLE = re.compile("[\\s\u00a0\u1680\u180e\u2000-\u200f\u202e\u202f\u205f\u2800\u3000\ufeff\ufffc\U000e0000-\U000e007f]*")
_WEB = re.compile(r"https?://[\w-]+(?:\.[\w-]+)+(?::(\d{1,5}))?(?:[/?#][^\x00-\x20\x7f\ud800-\udfff]*)?", re.IGNORECASE)
_INSIDE = re.compile(r"tg://(?!user(?:[/?#]|$))[a-z0-9_-]+(?:[/?][^\x00-\x20\x7f\ud800-\udfff]*)?", re.IGNORECASE)
MOST_ADDRESS = 2048  # characters; no browser takes many more


def clean(text: str) -> str:
    """The text as the server would make it, so that offsets stay true. A tab is four spaces, a half character is U+FFFD."""
    if not _TOUCHED.search(text):
        return text
    return _TOUCHED.sub(_replacement, text)


def _replacement(found: re.Match[str]) -> str:
    one = found[0]
    if one == "\t":
        return "    "
    if _DROPPED.match(one):
        return ""
    return "\ufffd" if one >= "\ud800" else " "


def blank(text: str) -> bool:
    """Whether the server would refuse it as empty."""
    return _INVISIBLE.fullmatch(text) is not None


def linkable(address: str) -> bool:
    """Whether an entity may point there. One bad address makes the server refuse the whole message, so only plain ones pass:
    http(s) with a dotted host and no user name, and tg:// but `tg://user`, which would be a mention. `mailto:` would become
    `http://mailto:...`.
    """
    if len(address) > MOST_ADDRESS:
        return False
    if web := _WEB.fullmatch(address):
        return web[1] is None or 0 < int(web[1]) < 65536
    return _INSIDE.fullmatch(address) is not None
