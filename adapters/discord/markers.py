"""What a message of ours can be told by: its nonce, and the outbox id in the custom id of one of its components.

Every message has a component. Answers have the buttons they are given; what has none gets one small button that cannot be
pressed, so that reconciliation finds the message in the history of its channel.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.ports import OutboundMessage

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROW, BUTTON = 1, 2
SECONDARY = 2
PER_ROW, MOST_ROWS, LONGEST_LABEL = 5, 5, 80
PRESSABLE = r"(?P<button>[0-9a-f]{32}:.{1,7})"
"""The custom ids of our buttons: the outbox id and a word, 40 characters at most."""


def nonce(outbox_id: str) -> str:
    """The 128 bits of an outbox id in base 62: 22 characters, of which Discord allows 25."""
    number, digits = int(outbox_id, 16), ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits.rjust(22, "0")


def components(message: OutboundMessage) -> list[dict[str, Any]]:
    """Rows of buttons, as Discord takes them."""
    buttons = [_button(one.id, one.label) for one in message.buttons] or [_marker(message)]
    rows = [buttons[start : start + PER_ROW] for start in range(0, len(buttons), PER_ROW)]
    return [{"type": ROW, "components": row} for row in rows[:MOST_ROWS]]


def bears(rows: Sequence[Mapping[str, Any]], outbox_id: str) -> bool:
    """Whether a message with these components is the one of the outbox row."""
    return any(outbox_id in str(one.get("custom_id", "")) for row in rows for one in row.get("components", ()))


def _button(custom_id: str, label: str) -> dict[str, Any]:
    return {"type": BUTTON, "style": SECONDARY, "custom_id": custom_id, "label": label[:LONGEST_LABEL]}


def _marker(message: OutboundMessage) -> dict[str, Any]:
    return {**_button(f"{message.outbox_id}:", _label(message)), "disabled": True}


def _label(message: OutboundMessage) -> str:
    """A page number, or whose words these are, as a small sign."""
    if message.parts > 1:
        return f"{message.part + 1}/{message.parts}"
    return {"system": "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}", "agent": "👤"}.get(message.kind, "…")
