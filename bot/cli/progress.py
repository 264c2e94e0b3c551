"""Progress lines for the person at the terminal. What programs read goes to the log."""


def say(line: str) -> None:
    """Print one line at once, whatever stdout is."""
    print(line, flush=True)
