"""What stands behind a command's name, read on every channel alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.arguments import LONGEST, Argument, Values, Wrong, duration_s, parse, parse_named

CLOSE = (Argument("after", "duration"), Argument("silent", "switch"), Argument("reason", "text"))
SNIPPET = (Argument("name", needed=True), Argument("count", "number", at_most=9))
PRIORITY = (Argument("level", "choice", needed=True, choices=("low", "high")), Argument("note", "text"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("2h", {"after": 7200}),
        ("1d12h silent", {"after": 129_600, "silent": True}),
        ("SILENT bought elsewhere", {"silent": True, "reason": "bought elsewhere"}),
        ("bought elsewhere in 2h", {"reason": "bought elsewhere in 2h"}),
        ("15m  two\nlines \t of  it", {"after": 900, "reason": "two\nlines \t of  it"}),
        ('2h "silent" is no word', {"after": 7200, "silent": True, "reason": "is no word"}),
        ("закрыто, спасибо 🙏", {"reason": "закрыто, спасибо 🙏"}),
        ("0m", {"reason": "0m"}),  # no time at all is none
        ("2hours", {"reason": "2hours"}),
        ("-2h", {"reason": "-2h"}),
    ],
)
def test_what_may_be_left_out_is_found_where_it_stands(text: str, values: Values) -> None:
    assert parse(CLOSE, text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("hello", {"name": "hello"}),
        ('"two words" 3', {"name": "two words", "count": 3}),
        ("“two words” 3", {"name": "two words", "count": 3}),
        ("«два слова»", {"name": "два слова"}),
        ("it's 3", {"name": "it's", "count": 3}),
        ("'it's' 3", {"name": "'it's'", "count": 3}),
        ('"never', {"name": '"never'}),
    ],
)
def test_words_may_be_quoted_as_people_quote(text: str, values: Values) -> None:
    assert parse(SNIPPET, text) == values


@pytest.mark.parametrize(
    ("arguments", "text", "wrong"),
    [
        (SNIPPET, "", Wrong("missing", "name")),
        (SNIPPET, '""', Wrong("wrong", "name")),
        (SNIPPET, "a b", Wrong("many")),
        (SNIPPET, "a 10", Wrong("many")),  # more than it may be
        (SNIPPET, "a ٣", Wrong("many")),  # a digit, but none of ours
        (PRIORITY, "urgent", Wrong("wrong", "level")),
        (PRIORITY, "", Wrong("missing", "level")),
        ((), "anything", Wrong("many")),
        (CLOSE, "x" * (LONGEST + 1), Wrong("long")),
        ((Argument("code", at_most=4),), "12345", Wrong("many")),
        ((Argument("note", "text", at_most=4),), "12345", Wrong("long", "note")),
    ],
)
def test_what_cannot_be_meant_is_named(arguments: tuple[Argument, ...], text: str, wrong: Wrong) -> None:
    assert parse(arguments, text) == wrong


@pytest.mark.parametrize(
    ("given_", "values"),
    [
        ({"level": "HIGH"}, {"level": "high"}),
        ({"level": "low", "note": "two words"}, {"level": "low", "note": "two words"}),
        ({"level": "low", "note": "  "}, {"level": "low"}),
        ({"note": "x"}, Wrong("missing", "level")),
        ({"level": "urgent"}, Wrong("wrong", "level")),
    ],
)
def test_a_form_gives_the_same_by_name(given_: dict[str, str], values: Values | Wrong) -> None:
    assert parse_named(PRIORITY, given_) == values


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("90s", 90),
        ("1H", 3600),
        ("2w", 1_209_600),
        ("1d1d", 172_800),
        ("", None),
        ("h", None),
        ("1y", None),
        ("999999999d", None),
    ],
)
def test_durations(said: str, seconds: int | None) -> None:
    assert duration_s(said) == seconds


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    for arguments in (CLOSE, SNIPPET, PRIORITY, ()):
        found = parse(arguments, text)
        if not isinstance(found, Wrong):
            assert all(argument.name in found for argument in arguments if argument.needed)


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.strip() and len(text) <= LONGEST))
def test_the_last_text_is_kept_as_it_was_written(text: str) -> None:
    assert parse((Argument("reason", "text"),), text) == {"reason": text.strip()}
