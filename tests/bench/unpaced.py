"""`python -m tests.bench.unpaced run`: `frontdesk run` whose channels know no limits: to see what it costs."""

from dataclasses import replace

import adapters.discord.channel
import adapters.telegram.channel
from bot.cli.main import main
from bot.ports import ChannelHabits

A_SECOND, AT_ONCE = 1e6, 10**6


def _free(habits: ChannelHabits) -> ChannelHabits:
    return replace(habits, account_rate=A_SECOND, account_burst=AT_ONCE, chat_rate=A_SECOND, chat_burst=AT_ONCE)


def lift() -> None:
    """Previews keep their interval, which is no limit of a platform."""
    telegram, discord = adapters.telegram.channel, adapters.discord.channel
    telegram.PRIVATE, telegram.GROUP = _free(telegram.PRIVATE), _free(telegram.GROUP)
    discord.HABITS, discord.TALK = _free(discord.HABITS), _free(discord.TALK)


if __name__ == "__main__":
    lift()
    main()
