"""Lines from a pipe, a file or a plain terminal."""

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator, Iterator

AHEAD = 100
CHUNK = 65536
# far more than any message may have: the rest of such a line is dropped, so that the memory stays small
LONGEST_LINE = 4_000_000


async def lines(descriptor: int) -> AsyncIterator[str]:
    """Lines as they arrive, without their ends, until end-of-file. Bytes that are no UTF-8 are replaced.

    A thread waits for them, since files cannot be awaited; it holds no lock of the interpreter's and ends with the process.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()
    room = threading.Semaphore(AHEAD)

    def give(line: str | None) -> None:
        room.acquire()
        loop.call_soon_threadsafe(queue.put_nowait, line)

    def read() -> None:
        try:
            for line in _read(descriptor):
                give(line)
            give(None)
        except RuntimeError:
            return  # the loop ended before the input did

    threading.Thread(target=read, daemon=True, name="frontdesk-chat-input").start()
    while (line := await queue.get()) is not None:
        room.release()
        yield line


def _read(descriptor: int) -> Iterator[str]:
    decoder, rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
    while data := _some(descriptor):
        *whole, rest = (rest + decoder.decode(data)).split("\n")
        yield from (line.removesuffix("\r") for line in whole)
        rest = rest[:LONGEST_LINE]
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:  # a terminal that went away
        return b""
