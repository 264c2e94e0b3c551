"""Our buttons, recognised by their custom id alone: a press is understood after any restart, under any message of ours."""

import re
from typing import Any, Protocol, Self, runtime_checkable

import discord

from adapters.discord.markers import PRESSABLE

REASON = "reason"


def filled_form(interaction: discord.Interaction) -> tuple[str, str] | None:
    """The button whose press had opened the form that was sent, and what was written; None for what is no form of ours."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return None
    data: dict[str, Any] = dict(interaction.data or {})
    ours = re.fullmatch(PRESSABLE, str(data.get("custom_id")))
    fields = [field for row in data.get("components", ()) for field in row.get("components", ())]
    reason = next((str(field.get("value", "")) for field in fields if field.get("custom_id") == REASON), "")
    return (ours["button"], reason.strip()) if ours and reason.strip() else None


@runtime_checkable
class Pressable(Protocol):
    """A client that takes presses."""

    async def pressed(self, interaction: discord.Interaction, button: str, reason: str = "") -> None: ...


class AnswerButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=PRESSABLE):
    """A button of a message of the outbox."""

    def __init__(self, button: str) -> None:
        super().__init__(discord.ui.Button(custom_id=button, label="…"))
        self._button = button

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["button"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        client = interaction.client
        assert isinstance(client, Pressable), "buttons belong to our own client"
        await client.pressed(interaction, self._button)
