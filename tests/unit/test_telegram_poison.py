"""Updates that nobody can read: none raises, each is kept, and a repeat is recognised."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.telegram.translate import translate
from bot.events import Cursor, Undecodable
from tests.telegram_double import ACCOUNT, ME, said, update
from tests.unit.test_telegram_translate import NOW, ROWS


@pytest.mark.parametrize("raw", [b"<html>", b"", b"\xff"])
def test_what_is_no_json_is_kept_under_its_digest(raw: bytes) -> None:
    received = translate(ACCOUNT, ME, raw, NOW)
    assert received.event == Undecodable("not JSON")
    assert received.raw == raw
    assert received.key == translate(ACCOUNT, ME, raw, NOW).key != translate(ACCOUNT, ME, raw + b"!", NOW).key


@pytest.mark.parametrize(
    "raw", [{}, [], 5, None, "x", {"update_id": True}, {"update_id": "5"}, {"update_id": 1.5}, {"update_id": 10**300}]
)
def test_what_has_no_update_id_is_kept_under_its_digest(raw: Any) -> None:
    received = translate(ACCOUNT, ME, raw, NOW)
    assert received.event == Undecodable("no update_id")
    assert received.key.startswith("1234567890:x")


def test_a_repeat_has_the_same_key_and_the_same_bytes_however_it_came() -> None:
    spaced = json.loads(
        '{ "update_id" : 5 , "message" : {"message_id":7,"date":1,"chat":{"id":42,"type":"private"},"text":"né"} }'
    )
    compact = json.loads(
        '{"update_id":5,"message":{"message_id":7,"date":1,"chat":{"id":42,"type":"private"},"text":"n\\u00e9"}}'
    )
    one, two = translate(ACCOUNT, ME, spaced, NOW), translate(ACCOUNT, ME, compact, datetime.now(UTC))
    assert (one.key, one.raw) == (two.key, two.raw)


def test_the_cursor_travels_with_any_meaning() -> None:
    cursor = Cursor("", "6@0@1")
    assert all(translate(ACCOUNT, ME, raw, NOW, cursor).cursor == cursor for raw in [said("x"), update(), b"x", {}])


def test_no_damage_to_an_update_raises() -> None:
    """Values replaced at random places by values of other kinds: always a Received, and what is unreadable says no content."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    whole = [raw for _, raw, _ in ROWS]
    for _ in range(4000):
        raw = json.loads(json.dumps(dice.choice(whole)))
        for _ in range(dice.randint(1, 3)):
            damage(raw, dice)
        received = translate(ACCOUNT, ME, raw, NOW)
        if isinstance(received.event, Undecodable):
            assert "hello" not in received.event.reason


def damage(raw: Any, dice: random.Random) -> None:
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()):
            places.append((node, key))
            walk(value)

    walk(raw)
    if places:
        node, key = dice.choice(places)
        node[key] = dice.choice([None, True, -1, 10**20, 1.5, "", "\ud800", "hello", [], {}, [[]], {"id": 1}, [None]])
