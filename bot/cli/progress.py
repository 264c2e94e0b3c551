"""Progress lines for the person at the terminal. What programs read goes to the log."""

import os
import sys


def say(line: str) -> None:
    """Print one line at once, whatever stdout is. A reader that left (`frontdesk run | head -1`) misses it, and nothing else."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # Python would stumble over what is still buffered when it ends
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
