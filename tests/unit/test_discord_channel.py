"""What a message can be told by: nonces and custom ids, for any outbox id."""

import random
import re

import pytest

from adapters.discord.markers import PRESSABLE, bears, components, nonce
from bot.events import ChannelAddress
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from bot.views import ButtonView

AT = ChannelAddress("discord", "main", "10")


def message(**more: object) -> OutboundMessage:
    return OutboundMessage(**{"outbox_id": new_id(), "address": AT, "text": "hi", **more})


def test_nonces_are_short_always_the_same_and_differ_for_different_rows() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    ids = [f"{chance.getrandbits(128):032x}" for _ in range(2000)] + ["0" * 32, "f" * 32, new_id()]
    nonces = [nonce(one) for one in ids]
    assert len(set(nonces)) == len(set(ids)), f"seed {seed}"
    assert all(re.fullmatch(r"[0-9A-Za-z]{22}", one) for one in nonces), f"seed {seed}"
    assert nonces == [nonce(one) for one in ids], f"seed {seed}"


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (message(), "…"),
        (message(kind="system"), "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}"),
        (message(kind="agent"), "👤"),
        (message(part=1, parts=3), "2/3"),
        (message(kind="system", part=0, parts=2), "1/2"),
    ],
)
def test_what_has_no_buttons_bears_one_that_cannot_be_pressed(given: OutboundMessage, label: str) -> None:
    ((button,),) = (row["components"] for row in components(given))
    assert (button["label"], button["disabled"]) == (label, True)
    assert len(button["custom_id"]) <= 100
    assert bears(components(given), given.outbox_id)
    assert not bears(components(given), new_id())
    assert re.fullmatch(PRESSABLE, button["custom_id"]) is None


def test_buttons_keep_their_ids_and_stand_in_rows_of_five() -> None:
    outbox_id = new_id()
    buttons = tuple(ButtonView(f"{outbox_id}:{number}", "x" * 100) for number in range(7))
    rows = components(message(outbox_id=outbox_id, buttons=buttons))
    assert [len(row["components"]) for row in rows] == [5, 2]
    assert [one["custom_id"] for row in rows for one in row["components"]] == [one.id for one in buttons]
    assert all(len(one["label"]) <= 80 for row in rows for one in row["components"])
    assert bears(rows, outbox_id)


@pytest.mark.parametrize("action", ["up", "down", "human"])
def test_the_products_buttons_are_recognised(action: str) -> None:
    button = f"{new_id()}:{action}"
    found = re.fullmatch(PRESSABLE, button)
    assert found is not None
    assert found["button"] == button
