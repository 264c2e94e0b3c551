"""From an interaction to what happened. Pure. Its token is a secret: it goes into the placeholder and nowhere else."""

from collections.abc import Mapping

import discord
import msgspec

from adapters.discord.originals import platform_id
from adapters.discord.payloads import told_at
from adapters.discord.reading import quote
from bot.events import (
    AccountKey,
    Author,
    ButtonPressed,
    ChannelAddress,
    CommandGiven,
    MessageReceived,
    Placeholder,
    Received,
)

ABOUT = "About this message by {author}:\n{quoted}"
NOTHING = "(no text)"


class Callings:
    """One account's side of the translation."""

    def __init__(self, account: AccountKey) -> None:
        self._account = account

    def question(self, interaction: discord.Interaction, text: str) -> Received:
        address, author, at = self._where(interaction), author_of(interaction), told_at(str(interaction.id))
        placeholder = _placeholder(interaction)
        return self._received(interaction, MessageReceived(address, author, text, at, placeholder=placeholder))

    def question_about(self, interaction: discord.Interaction, message: discord.Message) -> Received:
        quoted = quote(message.content) or NOTHING
        return self.question(interaction, ABOUT.format(author=message.author.display_name, quoted=quoted))

    def command(self, interaction: discord.Interaction, name: str, given: Mapping[str, str]) -> Received:
        address, author, at = self._where(interaction), author_of(interaction), told_at(str(interaction.id))
        return self._received(
            interaction, CommandGiven(address, author, name, at, _placeholder(interaction), tuple(given.items()), private=True)
        )

    def press(self, interaction: discord.Interaction, button: str, reason: str) -> Received:
        address, author, at = self._where(interaction), author_of(interaction), told_at(str(interaction.id))
        return self._received(interaction, ButtonPressed(address, author, button, at, reason))

    def _received(self, interaction: discord.Interaction, event: MessageReceived | CommandGiven | ButtonPressed) -> Received:
        return Received(self._account, f"i{interaction.id}", raw_of(interaction), event)

    def _where(self, interaction: discord.Interaction) -> ChannelAddress:
        """The channel of the interaction, in the meaning that `places` gives to addresses."""
        channel = interaction.channel
        parent_id = str(channel.parent_id) if isinstance(channel, discord.Thread) else ""
        return ChannelAddress(self._account.channel, self._account.name, str(interaction.channel_id), parent_id)


def author_of(interaction: discord.Interaction) -> Author:
    return Author(str(interaction.user.id), interaction.user.display_name, interaction.locale.value)


def raw_of(interaction: discord.Interaction) -> bytes:
    """What is kept of the payload: enough to understand it later, without its token."""
    return msgspec.json.encode(
        {
            "id": str(interaction.id),
            "type": interaction.type.value,
            "application_id": str(interaction.application_id),
            "guild_id": str(interaction.guild_id) if interaction.guild_id else None,
            "channel_id": str(interaction.channel_id),
            "user_id": str(interaction.user.id),
            "locale": interaction.locale.value,
            "message_id": str(interaction.message.id) if interaction.message else None,
            "data": interaction.data,
        }
    )


def _placeholder(interaction: discord.Interaction) -> Placeholder:
    return Placeholder(platform_id(str(interaction.application_id), str(interaction.id)), interaction.token)
