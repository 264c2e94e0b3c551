"""Pages of /metrics as a real engine and a real instance told them, ten seconds apart; cut down to what is looked at."""

import re
from pathlib import Path

STARTED = 1_795_543_197.72  # seconds since 1970: the start of the recorded engine


def recorded(name: str) -> str:
    return Path(__file__).with_name(f"{name}.txt").read_text()


def replica(number: int, page: str) -> str:
    """The same page as the door of a node with several engines tells it."""
    labelled = re.sub(r"^([a-z][\w:]*)\{", rf'\1{{replica="{number}",', page, flags=re.MULTILINE)
    return re.sub(r"^([a-z][\w:]*) ", rf'\1{{replica="{number}"}} ', labelled, flags=re.MULTILINE)
