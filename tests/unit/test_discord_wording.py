"""A Markdown answer in Discord's own Markdown."""

import pyromark
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.wording import RULE, length, wording
from tests.markdown_samples import PIECES, SAMPLES, balanced, every_prefix

MARKDOWN = st.one_of(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.text(max_size=80))


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        # what Discord knows is left alone
        (
            "# A **b** *c* ~~d~~ `e` [f](https://g.h)\n- i\n  1. j\n> k",
            "# A **b** *c* ~~d~~ `e` [f](https://g.h)\n- i\n  1. j\n> k",
        ),
        ("```py\nx\n```", "```py\nx\n```"),
        ("@everyone <@1> <b>x</b> <https://a.b>", "@everyone <@1> <b>x</b> <https://a.b>"),
        # tables
        ("| a | bb |\n|---|---|\n| 漢 | **c** |\n\nd", "```\na  | bb\n---+---\n漢 | c\n```\n\nd"),
        ("> |a|\n> |---|\n> |[b](https://c.d)|", "> ```\n> a\n> ---------------\n> b (https://c.d)\n> ```"),
        # rules
        ("a\n\n---\n\n* * *", f"a\n\n{RULE}\n\n{RULE}"),
        # headings
        ("#### A **b** c ####", "**A b c**"),
        ("A\n===\n\nB\n---", "# A\n\n## B"),
        ("### A", "### A"),
        # images and links by name
        ("![a](https://b.c/d(e).png)", "[a](https://b.c/d%28e%29.png)"),
        ("![](https://b.c)", "https://b.c"),
        ("![a](b.png)", "a (b.png)"),
        ("[![a](https://b.c)](https://d.e)", "[a](https://d.e)"),
        ("[a][1]\n\n[1]: https://b.c", "[a](https://b.c)\n\n[1]: https://b.c"),
        # code: three backticks, and none inside
        ("~~~py title=x\na\n~~~", "```py\na\n```"),
        ("````\n```\n````", "```\n`\u200b`\u200b`\n```"),
        ("    a\n      b", "```\na\n  b\n```"),
        ("- x\n\n      a", "- x\n\n  ```\n  a\n  ```"),
        ("> ```\n> a", "> ```\n> a\n> ```"),
        ("```py\nopen", "```py\nopen\n```"),
        # nothing inside code is touched
        (
            "```\n#### a\n---\n![b](https://c.d)\n```\n`![b](https://c.d)`",
            "```\n#### a\n---\n![b](https://c.d)\n```\n`![b](https://c.d)`",
        ),
        ("", ""),
    ],
)
def test_markdown_is_said_in_discords_way(markdown: str, said: str) -> None:
    assert wording(markdown) == said


@pytest.mark.parametrize("name", SAMPLES)
def test_a_prefix_of_a_sample_has_whole_fences_and_saying_it_twice_changes_nothing(name: str) -> None:
    text = SAMPLES[name]
    for prefix in every_prefix(text, max(1, len(text) // 40)):
        said = wording(prefix)
        assert wording(said) == said
        assert balanced(said)


@settings(max_examples=300, deadline=None)
@given(MARKDOWN)
def test_saying_any_text_twice_changes_nothing(markdown: str) -> None:
    said = wording(markdown)
    assert wording(said) == said
    assert length(markdown) == len(said)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "links"])
def test_no_letter_of_a_sample_is_lost(name: str) -> None:
    said = iter(wording(SAMPLES[name]))
    lost = [char for char in SAMPLES[name].replace("<br>", " ") if char.isalnum() and char not in said]
    assert lost == []


def test_a_character_counts_one() -> None:
    assert length("\U0001f600") == 1


def test_a_text_that_breaks_the_parser_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as the bindings of Rust raise it
        pass

    def panic(*_: object, **__: object) -> None:
        raise PanicException

    monkeypatch.setattr(pyromark, "events_with_range", panic)
    assert wording("#### a") == "#### a"
