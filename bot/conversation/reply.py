"""What becomes of a draft: a pure decision. What is said and what happens are two fields."""

from dataclasses import dataclass

from bot.generation.request import Draft

WORDLESS = 48  # characters without one letter or digit from which on nothing is expected of an answer
APOLOGY = "I am sorry, I could not find an answer to that. Could you put it in other words?"


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the text. `kind` is "answer", or "apology" where the model gave nothing to send."""

    text: str
    kind: str = "answer"


def decide(draft: Draft) -> Answer:
    """The text as it is stored and shown: without blank edges, never empty, never with characters that no channel takes."""
    text = clean(draft.text)
    if not text or wordless(draft.text):
        return Answer(APOLOGY, "apology")
    return Answer(text)


def wordless(text: str) -> bool:
    """Whether a model is stuck in signs or blanks, as NaN and a worn-out loop look ("!!!!"). A few signs may stand alone."""
    return len(text) >= WORDLESS and not any(map(str.isalnum, text))


def clean(text: str) -> str:
    """Model text as plain text: no NUL (PostgreSQL refuses it), no lone surrogates, no blank edges."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text.encode("utf-8", "ignore").decode().strip()
