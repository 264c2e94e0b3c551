"""Single keys of a terminal, without Enter and without showing them; the terminal is left as it was found."""

import asyncio
import os
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOCAL, CONTROL = 3, 6  # places in what tcgetattr gives


@contextmanager
def keys(descriptor: int, pressed: Callable[[str], None]) -> Iterator[None]:
    """Hand over each key while the block runs. Nothing happens where no terminal is there to type on."""
    if not os.isatty(descriptor):
        yield
        return
    loop, found = asyncio.get_running_loop(), termios.tcgetattr(descriptor)
    wanted = [*found]
    wanted[LOCAL] &= ~(termios.ICANON | termios.ECHO)
    # no Ctrl-Z: it would leave a screen that is not the shell's
    wanted[CONTROL] = [*found[CONTROL]]
    wanted[CONTROL][termios.VSUSP] = b"\0"

    def read() -> None:
        try:
            typed = os.read(descriptor, 1024)
        except OSError:  # the terminal went away
            typed = b""
        for key in typed.decode(errors="replace"):
            pressed(key)
        if not typed:
            pressed("")

    termios.tcsetattr(descriptor, termios.TCSADRAIN, wanted)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, found)
