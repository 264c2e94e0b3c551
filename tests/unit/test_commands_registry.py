"""The registry holds what platforms take, and every word that is said is there in every language."""

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, ast

from bot.commands.arguments import Argument
from bot.commands.command import Command, Cooldown
from bot.commands.customers import COMMANDS, HELP, START
from bot.commands.handbook import page
from bot.commands.menu import registry, views
from bot.commands.pace import KEPT, NOW, Pace, Verdict
from bot.commands.registry import Registry
from bot.language.words import Words, known
from bot.roles import Role

TEXTS = {one.name[:-4]: one.read_text("utf-8") for one in (files("bot.language") / "texts").iterdir()}


def test_names_are_found_by_alias_and_whatever_the_case() -> None:
    assert registry().find("customer", "RESET") is registry().find("customer", "new")
    assert registry().find("desk", "new") is None


def test_two_commands_of_one_name_or_place_are_refused() -> None:
    for twin in (replace(START, place=("other",)), replace(START, name="other")):
        with pytest.raises(ValueError, match="two commands"):
            Registry([START, twin])
    Registry([START, replace(START, scope="desk", place=("t", "start"))])


def test_a_group_has_no_more_children_than_discord_takes() -> None:
    many = [replace(HELP, name=f"c{number}", place=("t", f"c{number}")) for number in range(26)]
    with pytest.raises(ValueError, match="25"):
        Registry(many)
    Registry(many[:25])


def test_what_is_suggested_is_nothing_that_the_asker_may_not_know_of() -> None:
    of_staff = replace(HELP, name="claim", scope="desk", place=("t", "claim"), role=Role.AGENT)
    both = Registry([*COMMANDS, of_staff])
    assert both.near("customer", "clain", Role.OWNER) is None
    assert both.near("desk", "clain", Role.VIEWER) is None
    assert both.near("desk", "clain", Role.AGENT) is of_staff
    assert both.of("desk", Role.VIEWER) == []


def test_customers_are_never_shown_what_is_for_others() -> None:
    with pytest.raises(ValueError, match="claim"):
        Registry([replace(HELP, name="claim", role=Role.AGENT)])


def test_menus_get_names_and_words_that_both_platforms_take() -> None:
    for one in views():
        assert re.fullmatch(r"[a-z0-9_]{1,32}", one.name)
        assert all(re.fullmatch(r"[a-z0-9_]{1,32}", word) for word in one.place)
        said = [*one.described.values(), *one.group_described.values(), *(w for a in one.arguments for w in a.described.values())]
        assert all(1 <= len(words) <= 100 for words in said)
        assert set(one.described) == {"en", "de", "es"}


def test_the_usage_line_is_in_the_channels_own_words() -> None:
    command = replace(
        HELP, name="close", place=("t", "close"), arguments=(Argument("code", needed=True), Argument("why", "text"))
    )
    assert command.usage("telegram") == "/close <code> [why]"
    assert command.usage("discord") == "/t close <code> [why]"


def test_who_gave_commands_lately_is_remembered_within_a_bound() -> None:
    pace = Pace(lambda: 0.0)
    for number in range(KEPT + 5):
        assert pace.ask(str(number), "id", Cooldown(1, 5.0), "k") == NOW
    assert pace.ask(str(KEPT + 4), "id", Cooldown(1, 5.0), "other").wait_s == 5
    assert pace.ask("0", "id", Cooldown(1, 5.0), "other") == NOW


def test_updates_that_are_stored_again_together_hear_the_same_again() -> None:
    pace = Pace(lambda: 0.0)
    first = [pace.ask("a", "id", Cooldown(2, 5.0), key) for key in "klmn"]
    assert first == [NOW, NOW, Verdict(5.0), Verdict(5.0, told=True)]
    assert [pace.ask("a", "id", Cooldown(2, 5.0), key) for key in "klmn"] == first


def messages(text: str) -> dict[str, ast.Message]:
    parsed = FluentParser(with_spans=False).parse(text)
    junk = [one.content for one in parsed.body if isinstance(one, ast.Junk)]
    assert junk == []
    return {one.id.name: one for one in parsed.body if isinstance(one, ast.Message)}


def variables(node: object) -> Iterator[str]:
    if isinstance(node, ast.VariableReference):
        yield node.id.name
    inner = vars(node).values() if isinstance(node, ast.BaseNode) else node if isinstance(node, list) else ()
    for one in inner:
        yield from variables(one)


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_says_all_that_english_says_about_the_same_things(language: str) -> None:
    english, other = messages(TEXTS["en"]), messages(TEXTS[language])
    assert english.keys() == other.keys()
    for name, message in english.items():
        assert set(variables(other[name])) == set(variables(message)), name


def test_a_word_that_a_language_lacks_is_said_in_english() -> None:
    words = Words({"en": "a = one\nb = two { $x }", "de": "a = eins"})
    assert (words.say("a", "de-CH"), words.say("b", "de", x=3), words.say("a", "fr")) == ("eins", "two 3", "one")
    with pytest.raises(AssertionError):
        words.say("b", "en")


def test_a_text_that_is_no_fluent_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"de: a = \{ is no Fluent"):
        Words({"en": "a = b", "de": "a = {"})


def test_numbers_are_said_as_a_language_says_them() -> None:
    assert known().say("slowly", "de", seconds=1).endswith("in einer Sekunde noch einmal.")
    assert known().say("slowly", "es", seconds=5).endswith("dentro de 5 segundos.")


def test_every_command_is_one_command() -> None:
    assert len({one.name for one in COMMANDS}) == len(COMMANDS)
    assert all(isinstance(one, Command) for one in COMMANDS)


def test_the_handbook_is_what_the_registry_says() -> None:
    file = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
    assert file.read_text() == page(), "python -m bot.commands.handbook > docs/commands.md"
