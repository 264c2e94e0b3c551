"""What the benchmarks of the channels measure against."""

import pytest

from tests.bench.chatters import answer
from tests.bench.markdown import open_fence
from tests.bench.streaming import PLATFORMS
from tests.scripted_node import _split, echo


@pytest.mark.parametrize(
    ("said", "open_left"),
    [
        ("```py\nx", True),
        ("```py", True),
        ("```py\nx\n```", False),
        ("a\n```py\nx\n```\nb", False),
        ("> ```\n> a\n> ```", False),
        ("- a\n  ```\n  x", True),
        ("`a` ``` b", False),  # no fence: it does not begin a line
    ],
)
def test_a_fence_that_does_not_close_is_seen(said: str, open_left: bool) -> None:
    assert open_fence(said) is open_left


def test_limits_alone_hold_back_what_is_beyond_the_burst() -> None:
    telegram, discord = PLATFORMS
    assert telegram.forced_s(30, 0.99) == 0
    assert telegram.forced_s(100, 0.99) == pytest.approx(70 / 30)
    assert (discord.forced_s(50, 0.99), discord.forced_s(100, 0.99), discord.forced_s(101, 0.99)) == (0, 1, 1)


@pytest.mark.parametrize("pieces", [8, 64])
def test_the_people_know_the_answer_of_the_scripted_node(pieces: int) -> None:
    text = "hello number 7"
    assert answer(text, pieces) == "".join(_split(echo([{"role": "user", "content": text}]), pieces))
