"""An answer as several messages: it fits, loses nothing, and its fences are whole."""

import time
from collections.abc import Callable

import pyromark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord import wording
from adapters.telegram import rendering
from bot.delivery.splitting import split
from tests.markdown_samples import FENCE, PIECES, SAMPLES, balanced, every_prefix
from tests.telegram_entities import complaints

Measure = Callable[[str], int]
LIMITS: list[tuple[Measure, int]] = [
    (len, 100),
    (len, 500),
    (len, 2000),
    (rendering.length, 100),
    (rendering.length, 4096),
    (wording.length, 150),
    (wording.length, 2000),
]
MARKDOWN = st.one_of(st.lists(st.sampled_from(PIECES), max_size=150).map("".join), st.text(max_size=300))


def letters(*parts: str) -> str:
    """All that is not a mark: letters and digits, without the lines of fences, which a split repeats."""
    lines = (line for part in parts for line in part.split("\n") if not FENCE.match(line))
    return "".join(char for line in lines for char in line if char.isalnum())


def check(text: str, measure: Measure, most: int) -> tuple[str, ...]:
    parts = split(text, measure, most)
    if measure(text) <= most:
        assert parts == (text,)
        return parts
    assert all(measure(part) <= most and part.strip() for part in parts)
    assert letters(*parts) == letters(text)
    return parts


@pytest.mark.parametrize(("measure", "most"), LIMITS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_parts_of_a_sample_fit_and_lose_nothing(name: str, measure: Measure, most: int) -> None:
    parts = check(SAMPLES[name], measure, most)
    if len(parts) > 1:
        assert [part for part in parts if not balanced(part)] == []
    for part in parts:
        shown = rendering.render(part)
        assert not shown.text or complaints(shown.text, shown.entities) == []
        assert balanced(wording.wording(part))


@settings(max_examples=300, deadline=None)
@given(MARKDOWN, st.sampled_from([(len, 60), (len, 120), (rendering.length, 60), (wording.length, 120)]))
def test_any_text_is_split_into_parts_that_fit(text: str, limit: tuple[Measure, int]) -> None:
    measure, most = limit
    parts = split(text, measure, most)
    assert all(measure(part) <= most for part in parts)
    assert len(parts) == 1 or all(part.strip() for part in parts)
    kept = iter("".join(parts))
    assert [char for char in text if char.isalnum() and char not in kept] == []


@pytest.mark.parametrize(
    ("text", "most", "parts"),
    [
        # what fits is untouched, even when there is nothing to see
        ("", 10, ("",)),
        (" \n", 10, (" \n",)),
        ("\n" * 20, 10, ("",)),
        ("```\nopen", 10, ("```\nopen",)),
        # what does not fit because of blank lines around it loses those
        ("\n\nabcdefghi", 10, ("abcdefghi",)),
        # paragraphs before lines, lines before sentences, sentences before words
        ("one two\nthree\n\nfour five", 20, ("one two\nthree", "four five")),
        ("one two six\nthree four five", 18, ("one two six", "three four five")),
        ("One two six. Three four five.", 19, ("One two six.", "Three four five.")),
        ("one two three four", 10, ("one two", "three four")),
        # unless that leaves the part less than half full
        ("a\n\nbbbb bbbb bbbb bbbb", 14, ("a\n\nbbbb bbbb", "bbbb bbbb")),
        # a heading goes with what it is about
        ("aaaaa aaaaa\n\n# B\n\nccccc ccccc", 22, ("aaaaa aaaaa", "# B\n\nccccc ccccc")),
        # items and rows stay whole
        ("- a b c\n- d e f\n- g h i", 16, ("- a b c\n- d e f", "- g h i")),
        # links and bold words stay whole
        ("aaaa **bb bb bb** cc", 16, ("aaaa", "**bb bb bb** cc")),
        ("aaaa aaaa [b b](http://c.d) e", 20, ("aaaa aaaa", "[b b](http://c.d) e")),
        # a word too long for a part is cut, but not what is seen as one character
        ("abcdefghij", 4, ("abcd", "efgh", "ij")),
        ("ab👩‍👩‍👧👩‍👩‍👧", 6, ("ab", "👩‍👩‍👧", "👩‍👩‍👧")),
        ("🇩🇪🇫🇷🇮🇹", 3, ("🇩🇪", "🇫🇷", "🇮🇹")),
        ("漢字。仮名。", 4, ("漢字。", "仮名。")),
        # the mark of a quote or an item stays with its text
        ("abc\n> defghijkl", 12, ("abc", "> defghijkl")),
        ("abc\n10. defghijk", 12, ("abc", "10. defghijk")),
        # a point behind a number ends no sentence
        ("Offen am 10. Mai bis zum 5. Juni", 20, ("Offen am 10. Mai bis", "zum 5. Juni")),
        # places are counted in characters
        ("漢字漢字漢字漢字\n\n仮名 仮名\n仮名", 14, ("漢字漢字漢字漢字", "仮名 仮名\n仮名")),
    ],
)
def test_a_text_is_cut_at_the_best_place(text: str, most: int, parts: tuple[str, ...]) -> None:
    assert split(text, len, most) == parts


@pytest.mark.parametrize(
    ("text", "most", "parts"),
    [
        # closed and opened again with its language, blank lines and indentation kept, but for blank lines at the cut
        (
            "Look:\n```py x=1\na = 1\n\n  b = 2\nc = 3\n```\nEnd.",
            32,
            ("Look:\n```py x=1\na = 1\n```", "```py x=1\n  b = 2\nc = 3\n```\nEnd."),
        ),
        ("~~~~\naaaa\nbbbb\n~~~~", 16, ("~~~~\naaaa\n~~~~", "~~~~\nbbbb\n~~~~")),
        # places are counted in characters, here too
        ("漢字漢字漢字\n\n```c\naaaaaa\nbbbbbb\n```", 20, ("漢字漢字漢字", "```c\naaaaaa\n```", "```c\nbbbbbb\n```")),
        # in a list: the next part stands outside of it
        ("- a\n  ```c\n  x;\n    y;\n  z;\n  ```\n  more", 26, ("- a\n  ```c\n  x;\n  ```", "```c\n  y;\nz;\n```\nmore")),
        ("- a\n  - b\n    ```c\n    wwwwww\n    xxxxxx\n    ```", 30, ("- a\n  - b", "```c\nwwwwww\nxxxxxx\n```")),
        (
            "- aaaaaaaaaa\n  - b\n    ```c\n    wwwwww\n    xxxxxx\n    yyyyyy\n    ```",
            20,
            ("- aaaaaaaaaa\n  - b", "```c\nwwwwww\n```", "```c\nxxxxxx\n```", "```c\nyyyyyy\n```"),
        ),
        (
            "> 1. ```c\n>    aaaaaa\n>    bbbbbb\n>    cccccc\n>    ```",
            30,
            ("> 1. ```c\n>    aaaaaa\n>    ```", "> ```c\n> bbbbbb\n> cccccc\n> ```"),
        ),
        # in a quote: the next part is quoted too
        ("> ```c\n> aaaaaa\n> bbbbbb\n> ```", 25, ("> ```c\n> aaaaaa\n> ```", "> ```c\n> bbbbbb\n> ```")),
        # never closed by the model: closed in the last part
        ("```c\naaaaaa\nbbbbbb", 16, ("```c\naaaaaa\n```", "```c\nbbbbbb\n```")),
        # an inner list that begins a part does not become code
        ("- aaaa aaaa\n    - bbbb\n    - cccc", 20, ("- aaaa aaaa", "- bbbb\n- cccc")),
    ],
)
def test_a_fence_that_is_cut_is_closed_and_opened_again(text: str, most: int, parts: tuple[str, ...]) -> None:
    assert split(text, len, most) == parts


@pytest.mark.parametrize("name", ["long code", "long list", "long line", "mixed", "long quoted code", "long nested list"])
def test_the_first_part_of_a_growing_text_stays_as_it_is(name: str) -> None:
    text = SAMPLES[name]
    firsts = {
        first
        for prefix in every_prefix(text, max(1, len(text) // 80))
        if len(parts := split(prefix, rendering.length, 400)) > 1
        for first in parts[:1]
    }
    assert len(firsts) == 1


def test_a_limit_too_small_for_a_fence_gives_up_the_fence_and_not_the_text() -> None:
    parts = split("```python\nabc def\n```", len, 5)
    assert all(len(part) <= 5 for part in parts)
    assert "".join(parts).replace("\n", "").replace(" ", "") == "```pythonabcdef```"


def test_a_long_text_is_measured_a_few_times_only() -> None:
    counted: list[int] = []

    def measure(text: str) -> int:
        counted.append(len(text))
        return len(text)

    text = (SAMPLES["nested"] + "\n\n") * 40
    parts = split(text, measure, 2000)
    assert sum(counted) < 6 * len(text)
    assert len(counted) < 6 * len(parts)


@pytest.mark.parametrize("unit", [SAMPLES["nested"] + "\n\n", "word ", "x", "漢", "- a\n", "> ", "```\n", "**a", "[a]("])
def test_ten_times_the_text_takes_about_ten_times_as_long(unit: str) -> None:
    def seconds(text: str) -> float:
        started = time.process_time()
        split(text, len, 500)
        return time.process_time() - started

    text = unit * (6_000 // len(unit))
    assert seconds(text * 10) < 0.1 + 40 * min(seconds(text) for _ in range(3))


def test_a_text_that_breaks_the_parser_is_split_at_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as the bindings of Rust raise it
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException

    monkeypatch.setattr(pyromark, "events_with_range", panic)
    assert split("aaa bbb\nccc ddd", len, 8) == ("aaa bbb", "ccc ddd")
