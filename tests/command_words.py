"""What commands answer in English, put together anew for the tests that read it."""

from bot.language.words import known

_LINES = {"new": "/chat new", "stop": "/chat stop", "human": "/support human", "language": "/settings language", "id": "/id"}


def says(name: str) -> str:
    return known().say(name, "en")


def help_text(channel: str) -> str:
    """The whole answer to /help."""
    written = _LINES if channel == "discord" else {name: f"/{name}" for name in _LINES}
    return "\n".join([says("help"), *(f"{written[name]} - {says(f'command-{name}')}" for name in _LINES)])
