"""Lines from a pipe: however they are cut, whatever bytes they are, and nothing left running behind them."""

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from adapters.terminal import keyboard
from adapters.terminal.keyboard import lines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """(reading end, writing end); the writing end is closed by the test."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


async def typed(reading: int) -> list[str]:
    async with asyncio.timeout(20):
        return [line async for line in lines(reading)]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\n\r\ntwo", ["one", "", "two"]),  # the last line needs no end
        (b"", []),
        (b"a\xffb\n", ["a\ufffdb"]),
        (b"half\xc3", ["half\ufffd"]),
    ],
)
async def test_lines_come_without_their_ends(pipe: tuple[int, int], data: bytes, read: list[str]) -> None:
    os.write(pipe[1], data)
    os.close(pipe[1])
    assert await typed(pipe[0]) == read


async def test_a_character_may_be_cut_between_two_reads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboard, "CHUNK", 1)
    os.write(pipe[1], "grüße 漢\n".encode())
    os.close(pipe[1])
    assert await typed(pipe[0]) == ["grüße 漢"]


async def test_a_line_without_end_is_cut_and_the_next_is_whole(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboard, "CHUNK", 4)
    monkeypatch.setattr(keyboard, "LONGEST_LINE", 6)
    os.write(pipe[1], b"a" * 400 + b"\nnext\n")
    os.close(pipe[1])
    long, following = await typed(pipe[0])
    assert (set(long), len(long) < 12, following) == ({"a"}, True, "next")


async def test_more_lines_than_are_read_ahead_all_come(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyboard, "AHEAD", 3)
    os.write(pipe[1], b"".join(b"%d\n" % number for number in range(500)))
    os.close(pipe[1])
    assert await typed(pipe[0]) == [str(number) for number in range(500)]


def test_a_loop_that_ends_before_the_input_leaves_no_trace(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    os.write(pipe[1], b"one\ntwo\n")

    async def first() -> str:
        return await anext(lines(pipe[0]))

    assert asyncio.run(first()) == "one"
    os.write(pipe[1], b"three\n")
    os.close(pipe[1])
    for thread in threading.enumerate():
        if thread.name == "frontdesk-chat-input":
            thread.join(20)
    assert not failures
