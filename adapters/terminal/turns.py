"""One turn of the record as it is printed."""

from adapters.terminal.words import say
from bot.views import TurnView

SPEAKERS = {"customer": "you", "bot": "bot", "agent": "agent", "system": "note"}


def printed(view: TurnView, columns: int, *, changed: bool = False) -> str:
    """Who speaks and what is said, with what is special about it: stopped, changed, files, choices."""
    speaker = f"{view.author} (agent)" if view.role == "agent" and view.author else SPEAKERS.get(view.role, view.role)
    text = f"{view.text} [stopped]" if view.state == "stopped" else view.text
    extras = [f"[file: {one.name or one.kind}]" for one in view.attachments]
    extras += [f"[you can answer: {one.label}]" for one in view.buttons]
    return say(f"{speaker}, changed" if changed else speaker, "\n".join([text, *extras] if text else extras or [""]), columns)
