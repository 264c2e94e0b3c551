"""A Markdown answer on Telegram: what is shown, and that the server takes it, whatever the text."""

import re
import subprocess
import sys
import time
from typing import NamedTuple

import pyromark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telegram.entities import Span, sane
from adapters.telegram.rendering import Rendered, length, render
from tests.markdown_samples import PIECES, SAMPLES, every_prefix
from tests.telegram_entities import complaints, refused

MARKDOWN = st.one_of(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.text(max_size=80))


def seen(markdown: str) -> dict[str, list[str]]:
    """The words under each kind of mark."""
    shown = render(markdown)
    raw = shown.text.encode("utf-16-le")
    found: dict[str, list[str]] = {}
    for one in shown.entities:
        found.setdefault(one.type, []).append(raw[one.offset * 2 : (one.offset + one.length) * 2].decode("utf-16-le"))
    return found


@pytest.mark.parametrize(
    ("markdown", "text", "marks"),
    [
        ("**b** *i* ~~s~~ `c`", "b i s c", {"bold": ["b"], "italic": ["i"], "strikethrough": ["s"], "code": ["c"]}),
        # styles stop around code, which Telegram does not nest
        ("**a `b` c**", "a b c", {"bold": ["a", "c"], "code": ["b"]}),
        ("# A **b** `c`", "A b c", {"bold": ["A b"], "code": ["c"]}),
        ("[`c`](https://a.b)", "c", {"text_link": ["c"]}),
        ("**a [b](https://c.d) e**", "a b e", {"bold": ["a b e"], "text_link": ["b"]}),
        # code keeps its language and its indentation
        ("```py x\n  a\n\n b\n```", "  a\n\n b", {"pre": ["  a\n\n b"]}),
        ("```\n\tx\n```", "    x", {"pre": ["    x"]}),
        # a quote in a quote is one quote, and holds code
        ("> a\n> > `b`\n\nc", "a\nb\n\nc", {"blockquote": ["a\nb"], "code": ["b"]}),
        # lists
        ("- a\n  - b\n- c", "• a\n  • b\n• c", {}),
        ("3. a\n4. b\n   - c", "3. a\n4. b\n  • c", {}),
        ("- [ ] a\n- [x] b", "☐ a\n☑ b", {}),
        ("- a\n\n  b\n- c", "• a\n\n  b\n• c", {}),
        ("- # a\n  b\n  ```\n  c\n  ```\n  d", "• a\n  b\nc\n  d", {"bold": ["a"], "pre": ["c"]}),
        # one empty line where the source has one, none where it has none
        ("a\n\n\n\nb\n- c\n\n\nd", "a\n\nb\n• c\n\nd", {}),
        ("a\n\n---\n\nb", "a\n\n——————\n\nb", {}),
        # tables
        ("| a | b |\n|---|---|\n| 漢字 | **x** |", "a    | b\n-----+--\n漢字 | x", {"pre": ["a    | b\n-----+--\n漢字 | x"]}),
        (
            "|a|\n|---|\n|[b](https://c.d)|",
            "a\n---------------\nb (https://c.d)",
            {"pre": ["a\n---------------\nb (https://c.d)"]},
        ),
        # links that Telegram would refuse, or make a mention of, are text
        ("[a](http://localhost/)", "a (http://localhost/)", {}),
        ("[a](tg://user?id=1)", "a (tg://user?id=1)", {}),
        ("[a](TG:user?id=1)", "a (TG:user?id=1)", {}),
        ("[a](javascript:x)", "a (javascript:x)", {}),
        ("[a](mailto:b@c.de)", "a (b@c.de)", {}),
        ("[a](#b)", "a", {}),
        ("[a](tg://resolve?domain=b)", "a", {"text_link": ["a"]}),
        ("[](https://a.b)", "https://a.b", {"text_link": ["https://a.b"]}),
        ("![pic](https://a.b/c.png)", "pic", {"text_link": ["pic"]}),
        ("[![pic](https://a.b/c.png)](https://d.e)", "pic", {"text_link": ["pic"]}),
        # definitions that are used vanish, others are shown
        ("[a][1]\n\n[1]: https://b.c\n[2]: https://d.e", "a\n[2]: https://d.e", {"text_link": ["a"]}),
        ("[a]: b", "[a]: b", {}),
        # HTML is text, but for a line break
        ("<div>\n<b>x</b>\n</div>", "<div>\n<b>x</b>\n</div>", {}),
        ("a<br>b <i>c</i>", "a\nb <i>c</i>", {}),
        # formulas stay as they are
        ("$a_1 * b * c$", "$a_1 * b * c$", {}),
        ("$$x^2$$", "$$x^2$$", {}),
        # what would be empty is shown as it was written
        ("```\n```", "```\n```", {}),
        (">", ">", {}),
        ("**", "**", {}),
        # nothing to see at all
        ("", "", {}),
        (" \n\u200b", "", {}),
        # marks never stand on blanks, also those that entities like &nbsp; make
        ("**a&nbsp;**", "a", {"bold": ["a"]}),
        ("`  `", "`  `", {}),
        ("x `  ` y", "x    y", {}),
        ("a\x00b\x07\u202ec", "a b c", {}),
    ],
)
def test_markdown_is_shown(markdown: str, text: str, marks: dict[str, list[str]]) -> None:
    assert (render(markdown).text, seen(markdown)) == (text, marks)


def test_code_keeps_the_language_of_its_fence() -> None:
    assert [one.language for one in render("```c++ title=x\na\n```\n```\nb\n```").entities] == ["c++", None]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_prefix_of_a_sample_is_accepted(name: str) -> None:
    text = SAMPLES[name]
    for prefix in every_prefix(text, max(1, len(text) // 120)):
        check(prefix)


def check(markdown: str) -> None:
    shown = render(markdown)
    assert length(markdown) == len(shown.text.encode("utf-16-le")) // 2
    if shown.text:
        assert complaints(shown.text, shown.entities) == []
    else:
        assert shown == Rendered("", ())
        assert not any(char.isalnum() for char in markdown)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN)
def test_any_text_is_accepted(markdown: str) -> None:
    check(markdown)


UNSAID = re.compile(r"^[ >]*(?:```|~~~).*$|<br>|\]\([^)]*\)", re.MULTILINE)  # fences and addresses: said by marks


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in {"links", "lists", "HTML", "code marks in code"}])
def test_no_letter_of_a_sample_is_lost(name: str) -> None:
    shown = iter(render(SAMPLES[name]).text)
    assert [char for char in UNSAID.sub("", SAMPLES[name]) if char.isalnum() and char not in shown] == []


def test_what_is_too_much_is_left_out_at_the_end_and_styles_first() -> None:
    kinds = [one.type for one in render(SAMPLES["many styles"]).entities]
    assert len(kinds) == 100
    assert kinds.count("code") == 90


def test_an_emoji_counts_two_units_and_is_never_cut() -> None:
    shown = render("\U0001f600 **\U0001f600**")
    assert [(one.offset, one.length) for one in shown.entities] == [(3, 2)]
    assert length("\U0001f600") == 2


def test_a_text_that_breaks_the_parser_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as the bindings of Rust raise it
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException

    monkeypatch.setattr(pyromark, "events_with_range", panic)
    assert render("**panic**") == Rendered("**panic**", ())
    assert length("**panic**") == 9


def test_other_errors_of_the_parser_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pyromark, "events_with_range", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render("**interrupted**")


@pytest.mark.parametrize(
    "text", [">" * 8000, "[" * 8000, "- " * 4000, "*a " * 4000, "![[]()" * 1500, "<" * 8000, "[a]: b\n" * 1500]
)
def test_a_crafted_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    check(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("mark", ["1. ", "> - "])
def test_lists_inside_lists_do_not_grow_by_the_square_of_their_depth(mark: str) -> None:
    assert length(mark * 1000) < 30 * 1000


def test_rendering_does_not_load_the_library_of_the_channel() -> None:
    done = [sys.executable, "-c", "import sys, adapters.telegram.rendering; sys.exit('aiogram' in sys.modules)"]
    assert subprocess.run(done, check=False).returncode == 0


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([Span("bold", 0, 9), Span("italic", 2, 3)], ["bold", "italic"]),
        ([Span("italic", 2, 3), Span("bold", 0, 9)], ["bold", "italic"]),  # sorted
        ([Span("bold", 0, 5), Span("italic", 3, 9)], ["bold"]),  # crossing
        ([Span("bold", 0, 9), Span("bold", 2, 3)], ["bold"]),  # a type inside itself
        ([Span("blockquote", 0, 9), Span("code", 2, 3)], ["blockquote", "code"]),
        ([Span("bold", 0, 9), Span("blockquote", 2, 3)], ["bold"]),
        ([Span("text_link", 0, 9, "https://a.b"), Span("code", 2, 3)], ["text_link"]),
        ([Span("pre", 0, 9), Span("bold", 2, 3)], ["pre"]),
        ([Span("bold", -5, 99)], ["bold"]),  # outside: brought inside
        ([Span("bold", 4, 5), Span("bold", 99, 120)], []),  # blank, or nothing
    ],
)
def test_whatever_marks_are_laid_only_those_that_telegram_accepts_are_sent(spans: list[Span], kept: list[str]) -> None:
    text = "\U0001f600abc def"
    found = sane(text, spans)
    assert [one.type for one in found] == kept
    assert complaints(text, found) == []


class Mark(NamedTuple):
    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


@pytest.mark.parametrize(
    ("text", "marks", "complaint"),
    [
        ("ab", [Mark("bold", 0, 3)], "outside"),
        ("ab", [Mark("bold", 0, 0)], "empty"),
        ("\U0001f600", [Mark("bold", 0, 1)], "cuts a character"),
        ("a b", [Mark("bold", 0, 2)], "blank edge"),
        ("abc", [Mark("bold", 1, 1), Mark("italic", 0, 1)], "not sorted"),
        ("abc", [Mark("bold", 0, 2), Mark("italic", 1, 2)], "crosses"),
        ("abc", [Mark("bold", 0, 3), Mark("code", 1, 1)], "code inside"),
        ("abc", [Mark("pre", 0, 3), Mark("bold", 1, 1)], "inside code"),
        ("abc", [Mark("bold", 0, 3), Mark("bold", 1, 1)], "another of its type"),
        ("abc", [Mark("text_link", 0, 3, "http://localhost")], "wrong host"),
        ("abc", [Mark("text_link", 0, 3, "tg://user?id=1")], "mention"),
        ("abc", [Mark("text_mention", 0, 3)], "not of a kind"),
        ("a\tb", [], "replaced"),
        ("\u200b", [], "empty"),
        ("a" * 101, [Mark("bold", at, 1) for at in range(101)], "only 100"),
        ("a", [Mark("text_link", 0, 1, "https://a.b/" + "c" * 9500)], "too long"),
    ],
)
def test_the_checker_sees_a_broken_rule(text: str, marks: list[Mark], complaint: str) -> None:
    assert complaint in "\n".join(complaints(text, marks))


@pytest.mark.parametrize(
    "url", ["http://a", "http://", "ftp://a.b", "a.b", "mailto:a@b.c", "http://a.b:0", "http://a b.c", "tg://", "tg://a.b"]
)
def test_the_checker_refuses_addresses_that_the_server_refuses(url: str) -> None:
    assert refused(url)
