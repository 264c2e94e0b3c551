"""What becomes of a draft: a pure decision. What is said and what happens are two fields."""

from dataclasses import dataclass

from bot.generation.request import Draft

APOLOGY = "I am sorry, I could not find an answer to that. Could you put it in other words?"


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the text. `kind` is "answer", or "apology" where the model gave nothing to send."""

    text: str
    kind: str = "answer"


def decide(draft: Draft) -> Answer:
    """The text as it is stored and shown: without blank edges, never empty, never with characters that no channel takes."""
    text = clean(draft.text)
    if not text:
        return Answer(APOLOGY, "apology")
    return Answer(text)


def clean(text: str) -> str:
    """Model text as plain text: no NUL (PostgreSQL refuses it), no lone surrogates, no blank edges."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text.encode("utf-8", "ignore").decode().strip()
