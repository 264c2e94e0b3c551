"""Our Discord stand-in and simcord, asked the same by canaries: where two independent readings of the documentation agree, and
where they do not, with who is right.

"docs" is discord/discord-api-docs, folder `developers`. A row of `Differences` that comes to agree fails: then it moves up.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.contract.discord_stages import Stage, Verdict, ours, simcords

World = Callable[[], AbstractAsyncContextManager[Stage]]
BOTH = pytest.mark.parametrize("world", [ours, simcords], ids=["stand-in", "simcord"])

HERE, IN_THREAD = "/channels/{help}/messages", "/channels/{thread}/messages"
THREAD = "/channels/{thread}"
CALLBACK, HOOK = "/interactions/{interaction}/{token}/callback", "/webhooks/{app}/{token}"
ORIGINAL = f"{HOOK}/messages/@original"
COMMANDS = "/applications/{app}/commands"
BAD = (400, 50035)
NO_MESSAGE, NO_CHANNEL, NO_ACCESS, NO_PERMISSION = (404, 10008), (404, 10003), (403, 50001), (403, 50013)
TEXT: dict[str, Any] = {"content": "x"}


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"content": "x", "components": [{"type": 1, "components": list(buttons)}]}


def button(**fields: Any) -> dict[str, Any]:
    return {"type": 2, "style": 2, "label": "b", "custom_id": "a"} | fields


def rows(count: int) -> dict[str, Any]:
    return {"content": "x", "components": [{"type": 1, "components": [button(custom_id=f"{each}")]} for each in range(count)]}


def answer(kind: int, **data: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", CALLBACK, {"type": kind, "data": data}


def refer(message: str, **more: Any) -> dict[str, Any]:
    return TEXT | {"message_reference": {"message_id": message} | more}


Step = str | tuple[str, str] | tuple[str, str, Any]


async def played(stage: Stage, steps: tuple[Step, ...]) -> list[Verdict]:
    """What the requests among the steps were answered. Words are what others do: "deny X Y", "later 3"."""
    found: list[Verdict] = []
    for step in steps:
        if not isinstance(step, str):
            found.append(await stage.ask(*step))
            continue
        verb, *words = step.split()
        await getattr(stage, verb)(*(map(float, words) if verb == "later" else words))
    return found


MENU = {"type": 3, "custom_id": "s", "options": [{"label": "a", "value": "a"}]}
MESSAGES: list[tuple[dict[str, Any], Verdict]] = [
    (TEXT, "ok"),
    ({"content": "x" * 2000}, "ok"),
    ({"content": "\N{SLIGHTLY SMILING FACE}" * 2000}, "ok"),
    ({"content": "x" * 2001}, BAD),
    (TEXT | {"nonce": "n" * 25, "enforce_nonce": True}, "ok"),
    (TEXT | {"flags": 4}, "ok"),
    (TEXT | {"allowed_mentions": {"parse": [], "replied_user": False}}, "ok"),
    (TEXT | {"allowed_mentions": {"parse": ["all"]}}, BAD),
    (TEXT | {"allowed_mentions": {"parse": ["users"], "users": ["{anna}"]}}, BAD),
    ({"components": row(button())["components"]}, "ok"),
    (rows(5), "ok"),
    (rows(6), BAD),
    (row(*(button(custom_id=f"{each}") for each in range(5))), "ok"),
    (row(*(button(custom_id=f"{each}") for each in range(6))), BAD),
    (row(), BAD),
    (TEXT | {"components": [button()]}, BAD),
    (row(button(), button()), BAD),
    (row(button(custom_id="a" * 100, label="b" * 80)), "ok"),
    (row(button(custom_id="a" * 101)), BAD),
    (row(button(custom_id="")), BAD),
    (row(button(label="b" * 81)), BAD),
    (row(button(style=7)), BAD),
    (row(button(url="https://a.example")), BAD),
    (row(button(sku_id="1")), BAD),
    (row({"type": 2, "style": 5, "label": "b", "url": "https://a.example"}), "ok"),
    (row({"type": 2, "style": 5, "label": "b", "url": "https://a.example/" + "a" * 500}), BAD),
    (row(button(style=5, url="https://a.example")), BAD),
    (row({"type": 2, "style": 6, "sku_id": "1"}), "ok"),
    (row({"type": 2, "style": 6, "sku_id": "1", "label": "b"}), BAD),
    (row({"type": 2, "style": 6}), BAD),
    (row(MENU), "ok"),
    (row(MENU, button()), BAD),
    (row(MENU | {"options": []}), BAD),
    (refer("{question}"), "ok"),
    (refer("1", fail_if_not_exists=False), "ok"),
    (refer("{said}", channel_id="{thread}"), BAD),
]


@BOTH
async def test_both_take_and_refuse_the_same_messages(world: World) -> None:
    async with world() as stage:
        found = [(body, await stage.ask("POST", HERE, body)) for body, _ in MESSAGES]
    assert found == MESSAGES


ABSENT = [
    ("POST", "/channels/1/messages", TEXT, NO_CHANNEL),
    ("PATCH", "/channels/1/messages/1", TEXT, NO_CHANNEL),
    ("POST", "/channels/1/typing", None, NO_CHANNEL),
    ("GET", "/channels/1", None, NO_CHANNEL),
    ("GET", f"{HERE}/1", None, NO_MESSAGE),
    ("GET", IN_THREAD + "/{own}", None, NO_MESSAGE),
    ("POST", f"{HERE}/1/threads", {"name": "x"}, NO_MESSAGE),
    ("DELETE", "/channels/{dm}/messages/1", None, NO_MESSAGE),
    ("POST", "/users/@me/channels", {"recipient_id": "1"}, (404, 10013)),
    ("PATCH", HERE + "/{question}", TEXT, (403, 50005)),
    ("PATCH", HERE + "/{own}", {"content": "x" * 2001}, BAD),
    ("PATCH", HERE + "/{own}", {"content": ""}, "ok"),  # its buttons are left
    ("POST", HERE + "/{own}/threads", {"name": ""}, BAD),
    ("POST", "/channels/{forum}/threads", {"name": "", "message": TEXT}, BAD),
    ("POST", "/channels/{forum}/threads", {"name": "x", "message": TEXT}, "ok"),
    ("DELETE", HERE + "/{own}", None, "ok"),
    ("DELETE", HERE + "/{own}", None, NO_MESSAGE),
    ("PATCH", HERE + "/{own}", TEXT, NO_MESSAGE),
    ("DELETE", HERE + "/{question}", None, "ok"),
]


@BOTH
async def test_both_say_the_same_of_what_is_not_there_or_not_ones_own(world: World) -> None:
    async with world() as stage:
        found = [(method, path, body, await stage.ask(method, path, body)) for method, path, body, _ in ABSENT]
    assert found == ABSENT


RIGHTS = [
    ("view_channel", "POST", HERE, TEXT, NO_ACCESS),
    ("view_channel", "GET", HERE, None, NO_ACCESS),
    ("view_channel", "PATCH", HERE + "/{own}", TEXT, NO_ACCESS),
    ("view_channel", "DELETE", HERE + "/{own}", None, NO_ACCESS),
    ("view_channel", "POST", "/channels/{help}/typing", None, NO_ACCESS),
    ("view_channel", "POST", IN_THREAD, TEXT, NO_ACCESS),
    ("view_channel", "GET", "/channels/{help}", None, NO_ACCESS),
    ("view_channel", "GET", THREAD, None, NO_ACCESS),
    ("send_messages", "POST", HERE, TEXT, NO_PERMISSION),
    ("send_messages", "POST", "/channels/{help}/typing", None, NO_PERMISSION),
    ("send_messages", "POST", IN_THREAD, TEXT, "ok"),
    ("send_messages", "PATCH", HERE + "/{own}", TEXT, "ok"),
    ("send_messages_in_threads", "POST", IN_THREAD, TEXT, NO_PERMISSION),
    ("send_messages_in_threads", "POST", f"{THREAD}/typing", None, NO_PERMISSION),
    ("read_message_history", "GET", HERE, None, "ok"),
    ("read_message_history", "GET", HERE + "/{question}", None, NO_PERMISSION),
    ("create_public_threads", "POST", HERE + "/{own}/threads", {"name": "x"}, NO_PERMISSION),
    ("manage_messages", "DELETE", HERE + "/{question}", None, NO_PERMISSION),
]


@BOTH
async def test_both_ask_for_the_same_permissions(world: World) -> None:
    found = []
    async with world() as stage:
        for denied, method, path, body, _ in RIGHTS:
            await stage.deny(denied)
            found.append((denied, method, path, body, await stage.ask(method, path, body)))
    assert found == RIGHTS


SAY, THINK, HUSH = answer(4, content="a"), answer(5), answer(6)
CHANGE, FOLLOW = ("PATCH", ORIGINAL, {"content": "b"}), ("POST", HOOK, {"content": "c", "flags": 64})
INTERACTIONS: list[tuple[tuple[Step, ...], list[Verdict]]] = [
    (("run", SAY, SAY, CHANGE, FOLLOW), ["ok", (400, 40060), "ok", "ok"]),
    (("run", answer(4, content="a" * 2001), SAY), [BAD, "ok"]),  # what was refused was no answer
    (("run", THINK, THINK, CHANGE, CHANGE), ["ok", (400, 40060), "ok", "ok"]),
    (("run", THINK, ("DELETE", ORIGINAL), CHANGE), ["ok", "ok", NO_MESSAGE]),
    (("run", answer(99), answer(7, content="a"), SAY), [BAD, BAD, "ok"]),
    (("run", "later 3.1", SAY, CHANGE), [(404, 10062), (404, 10015)]),
    (("run", SAY, "later 890", CHANGE), ["ok", "ok"]),
    (("run", ("POST", "/interactions/{interaction}/no/callback", {"type": 5})), [(404, 10062)]),
    (("run", SAY, ("PATCH", "/webhooks/1/{token}/messages/@original", TEXT)), ["ok", (404, 10015)]),
    (("run", "deny view_channel", SAY, CHANGE, "deny"), ["ok", "ok"]),  # the token is enough
    (("press", HUSH, HUSH, FOLLOW), ["ok", (400, 40060), "ok"]),
    (("press", answer(4, content="a", flags=64), FOLLOW), ["ok", "ok"]),
    (("press", "later 3.1", HUSH), [(404, 10062)]),
    (("press", answer(7, content="a"), HUSH, CHANGE), ["ok", (400, 40060), "ok"]),
]


@BOTH
async def test_both_let_an_interaction_live_the_same_life(world: World) -> None:
    async with world() as stage:
        found = [(steps, await played(stage, steps)) for steps, _ in INTERACTIONS]
    assert found == INTERACTIONS


THREADS: list[tuple[tuple[Step, ...], list[Verdict]]] = [
    (("archive", ("DELETE", IN_THREAD + "/{said}")), ["ok"]),
    (("archive", ("POST", IN_THREAD, TEXT)), ["ok"]),
    (("archive", ("PATCH", THREAD, {"archived": False}), ("POST", IN_THREAD, TEXT)), ["ok", "ok"]),
    (("lock", ("POST", IN_THREAD, TEXT)), ["ok"]),  # MANAGE_THREADS is enough
    (("delete", ("POST", HERE + "/{question}/threads", {"name": "x"})), [NO_MESSAGE]),
]


@BOTH
@pytest.mark.parametrize(("steps", "verdicts"), THREADS)
async def test_both_keep_the_same_rules_in_threads(world: World, steps: tuple[Step, ...], verdicts: list[Verdict]) -> None:
    async with world() as stage:
        assert await played(stage, steps) == verdicts


PONG, CHOICES = answer(1), answer(8, choices=[])
DIFFERENCES: list[tuple[tuple[Step, ...], list[Verdict], list[Verdict]]] = [
    # the stand-in is right: docs, topics/opcodes-and-status-codes names a code of its own where simcord says 50035
    ((("POST", HERE, {"content": " "}),), [(400, 50006)], [BAD]),
    (("run", answer(4, content="")), [(400, 50006)], [BAD]),
    ((("POST", "/channels/{forum}/threads", {"name": "x", "message": {}}),), [(400, 50006)], [BAD]),
    ((("POST", "/channels/{forum}/threads", {"name": "x", "message": TEXT, "applied_tags": ["1"]}),), [(404, 10087)], [BAD]),
    # the stand-in is right: discord/discord-api-docs issue 7785, an edit must leave something to show
    ((("PATCH", HERE + "/{own}", {"content": "", "components": []}),), [(400, 50006)], ["ok"]),
    (("run", THINK, ("PATCH", ORIGINAL, {"content": ""})), ["ok", (400, 50006)], ["ok", "ok"]),
    # the stand-in is right: docs, resources/message: nonce of 25 characters, empty lists of mentions are no error, an answer
    # needs the right to read history and a message that exists; pages have 1 to 100 messages
    ((("POST", HERE, TEXT | {"nonce": "n" * 26}),), [BAD], ["ok"]),
    ((("POST", HERE, TEXT | {"allowed_mentions": {"parse": ["users"], "users": []}}),), ["ok"], [BAD]),
    (("deny read_message_history", ("POST", HERE, refer("{question}"))), [(403, 160002)], ["ok"]),
    (("delete", ("POST", HERE, refer("{question}"))), [BAD], ["ok"]),
    ((("GET", f"{HERE}?limit=0"), ("GET", f"{HERE}?limit=101")), [BAD, BAD], ["ok", "ok"]),
    # the docs do not say, reports do: a button has a label or an emoji, and embeds need their permission
    ((("POST", HERE, row({"type": 2, "style": 2, "custom_id": "a"})),), [BAD], ["ok"]),
    (("deny embed_links", ("POST", HERE, {"embeds": [{"title": "x"}]})), [NO_PERMISSION], ["ok"]),
    # the stand-in is right: docs, resources/channel "Start Thread from Message" and the codes; simcord replaces the thread
    ((("POST", HERE + "/{question}/threads", {"name": "again"}),), [(400, 160004)], ["ok"]),
    ((("POST", HERE + "/{own}/threads", {"name": "x" * 101}),), [BAD], ["ok"]),
    ((("POST", HERE + "/{own}/threads", {"name": "x", "auto_archive_duration": 7}),), [BAD], ["ok"]),
    ((("POST", IN_THREAD + "/{said}/threads", {"name": "x"}),), [(400, 50024)], ["ok"]),
    ((("POST", "/channels/{forum}/messages", TEXT),), [(400, 40058)], ["ok"]),
    # the stand-in is right: docs, topics/threads: archives do not change, locks are for moderators, waking needs no more than
    # the right to write
    (("archive", ("PATCH", IN_THREAD + "/{said}", TEXT)), [(400, 50083)], ["ok"]),
    (("archive", "deny manage_threads manage_channels", ("PATCH", THREAD, {"archived": False})), ["ok"], [NO_PERMISSION]),
    (("lock", "deny manage_threads", ("POST", IN_THREAD, TEXT)), [(400, 160005)], ["ok"]),
    (("lock", "deny manage_threads", ("PATCH", IN_THREAD + "/{said}", TEXT)), [(400, 160005)], ["ok"]),
    (("lock", "archive", "deny manage_threads", ("PATCH", THREAD, {"archived": False})), [NO_PERMISSION], ["ok"]),
    # the stand-in is right: docs, resources/user and the codes: nobody writes to themselves
    ((("POST", "/users/@me/channels", {"recipient_id": "{bot}"}),), [(400, 50033)], ["ok"]),
    # the stand-in is right: docs, interactions/receiving-and-responding "Interaction Callback Type"
    (("run", PONG), [BAD], ["ok"]),
    (("run", HUSH), [BAD], ["ok"]),
    (("run", CHOICES), [BAD], ["ok"]),
    # the stand-in is right: a void token is 401 50027 (discord/discord-api-docs issue 6851), and nothing follows no answer
    (("run", SAY, "later 901", CHANGE, FOLLOW), ["ok", (401, 50027), (401, 50027)], ["ok", (404, 10015), (404, 10015)]),
    (("run", ("PATCH", "/webhooks/{app}/no/messages/@original", TEXT)), [(401, 50027)], [(404, 10015)]),
    (("run", CHANGE, FOLLOW), [(404, 10015), (404, 10015)], [NO_MESSAGE, "ok"]),
    # the stand-in is right: docs, interactions/application-commands; simcord checks no names and counts nothing
    ((("PUT", COMMANDS, [{"name": "A", "description": "d"}]),), [BAD], ["ok"]),
    ((("PUT", COMMANDS, [{"name": "a", "description": ""}]),), [BAD], ["ok"]),
    ((("PUT", COMMANDS, [{"name": "a", "description": "d"}] * 2),), [BAD], ["ok"]),
    ((("PUT", COMMANDS, [{"name": f"a{each}", "description": "d"} for each in range(101)]),), [(400, 30032)], ["ok"]),
]


@pytest.mark.parametrize(("steps", "here", "there"), DIFFERENCES)
async def test_they_differ_and_the_documentation_says_who_is_right(
    steps: tuple[Step, ...], here: list[Verdict], there: list[Verdict]
) -> None:
    async with ours() as stage:
        assert await played(stage, steps) == here
    async with simcords() as stage:
        assert await played(stage, steps) == there
    assert here != there


@pytest.mark.parametrize(("world", "once"), [(ours, True), (simcords, False)], ids=["stand-in", "simcord"])
async def test_a_nonce_is_kept_by_the_stand_in_and_passed_over_by_simcord(world: World, once: bool) -> None:
    body = TEXT | {"nonce": "17", "enforce_nonce": True}
    async with world() as stage:
        assert (await stage.made(HERE, body) == await stage.made(HERE, body)) is once


@pytest.mark.parametrize(("world", "page"), [(ours, ["1", "0"]), (simcords, ["2", "1"])], ids=["stand-in", "simcord"])
async def test_a_page_after_a_message_is_its_next_ones_in_the_stand_in_and_the_newest_in_simcord(
    world: World, page: list[str]
) -> None:
    """discord.py reads history upward from such pages, and so do we: with simcord more than a hundred messages have a hole."""
    async with world() as stage:
        own = stage.names["own"]
        for number in range(3):
            await stage.made(HERE, {"content": f"{number}"})
        assert await stage.read(f"{HERE}?after={own}&limit=2") == page
