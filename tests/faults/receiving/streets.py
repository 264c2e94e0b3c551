"""Which platform a mode of receiving belongs to."""

from tests.faults.receiving.discord_street import DiscordStreet
from tests.faults.receiving.points import Mode
from tests.faults.receiving.street import Street
from tests.faults.receiving.telegram_street import TelegramStreet


def street_of(mode: Mode, seed: int) -> Street:
    """With a handful of people, in chats of each kind."""
    return DiscordStreet(seed) if mode == "gateway" else TelegramStreet(seed, mode)


def crowded(mode: Mode, people: int) -> DiscordStreet | TelegramStreet:
    """With so many people, each alone with the bot, and a handful of others."""
    return DiscordStreet(0, direct=people) if mode == "gateway" else TelegramStreet(0, mode, private=people)
