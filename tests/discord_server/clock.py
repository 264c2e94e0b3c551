"""The server's time, which a test may push forward, and the ids made from it."""

import time

DISCORD_EPOCH_MS = 1_420_070_400_000  # docs: reference, "Snowflakes"


class Clock:
    """Wall and monotonic time in seconds, both moved by `advance`."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._last = 0

    def now(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += seconds

    def snowflake(self) -> int:
        """A new id: milliseconds since 2015 in the upper 42 bits, and always greater than the one before."""
        made = int(self.now() * 1000 - DISCORD_EPOCH_MS) << 22
        self._last = max(made, self._last + 1)
        return self._last


def iso(seconds: float) -> str:
    """A time as the API writes it."""
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{micro:06d}+00:00"


def made_at(snowflake: int) -> float:
    """Unix seconds at which an id was made."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000
