"""The small parts of an account: answering presses, the webhook's registration, the menu, and a secret that stays one."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from aiogram.methods import AnswerCallbackQuery, GetMyCommands, SetMyCommands, SetWebhook, TelegramMethod

from adapters.telegram.acknowledging import AT_ONCE, LONGEST, WAITING, Acknowledger
from adapters.telegram.menu import names, offer_commands
from adapters.telegram.methods import ALLOWED_UPDATES
from adapters.telegram.registering import MAX_CONNECTIONS, Registration
from adapters.telegram.waiting import Patience, Troubles
from bot.commands.menu import views
from tests.telegram_double import TOKEN, LogLines, Reply, fine, refused, scripted

URL = "https://bot.example/telegram/main?mark=abc"


async def settle(turns: int = 20) -> None:
    """Let tasks that wait for nothing run to their ends."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_a_press_is_answered_with_a_few_words_or_none() -> None:
    bot, session = scripted(lambda _: fine())
    acknowledger = Acknowledger(bot, Counter())
    for query_id, say in [("1", ""), ("2", "Noted"), ("3", "x" * 300)]:
        acknowledger.answer(query_id, say)
    await settle()
    said = [(method.callback_query_id, method.text) for method in session.asked if isinstance(method, AnswerCallbackQuery)]
    assert said == [("1", None), ("2", "Noted"), ("3", "x" * LONGEST)]


async def test_an_answer_that_fails_is_counted_and_no_more() -> None:
    bot, session = scripted(lambda _: refused(400, "Bad Request: query is too old and response timeout expired"))
    counted = Counter()
    Acknowledger(bot, counted).answer("1", "")
    await settle()
    assert counted == {"presses_unanswered": 1}
    assert len(session.asked) == 1


class Gate:
    """A Bot API that does not answer until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0

    async def __call__(self, method: TelegramMethod[Any], **_: Any) -> bool:
        self.asked += 1
        await self.open.wait()
        return True


async def test_a_flood_of_presses_takes_bounded_room_and_the_newest_win() -> None:
    gate, counted = Gate(), Counter()
    acknowledger = Acknowledger(gate, counted)  # type: ignore[arg-type]
    for number in range(AT_ONCE):
        acknowledger.answer(str(number), "")
    await settle()
    for number in range(WAITING + 40):
        acknowledger.answer(f"late {number}", "")
    await settle()
    assert gate.asked == AT_ONCE
    assert counted == {"presses_dropped": 40}
    gate.open.set()
    await settle(2000)
    assert gate.asked == AT_ONCE + WAITING


async def test_closing_gives_up_what_is_not_answered() -> None:
    gate = Gate()
    acknowledger = Acknowledger(gate, Counter())  # type: ignore[arg-type]
    for number in range(40):
        acknowledger.answer(str(number), "")
    await settle()
    await acknowledger.close()
    acknowledger.answer("too late", "")
    await settle()
    assert gate.asked == AT_ONCE
    assert [task for task in asyncio.all_tasks() if task.get_name() == "telegram acknowledging"] == []


class Over(Exception):
    pass


async def looked_at(**info: Any) -> list[SetWebhook]:
    """What a registration sets when Telegram tells this of the webhook."""
    told = {"url": URL, "has_custom_certificate": False, "pending_update_count": 0, "max_connections": MAX_CONNECTIONS}
    told |= {"allowed_updates": ALLOWED_UPDATES} | info
    bot, session = scripted(lambda method: fine(True) if isinstance(method, SetWebhook) else fine(told))

    async def sleep(_seconds: float) -> None:
        raise Over

    patience = Patience(Troubles("main"), lambda: 0.5, sleep)
    with pytest.raises(Over):
        await Registration(bot, "main", URL, "s3cret", patience).run()
    return [method for method in session.asked if isinstance(method, SetWebhook)]


async def test_a_webhook_that_is_right_is_left_alone() -> None:
    assert await looked_at() == []
    assert await looked_at(allowed_updates=ALLOWED_UPDATES[::-1]) == []


@pytest.mark.parametrize(
    "difference",
    [
        {"url": ""},
        {"url": URL + "d"},  # another secret, which its mark shows
        {"allowed_updates": ["message"]},
        {"allowed_updates": None},
        {"max_connections": 1},
    ],
)
async def test_a_webhook_that_differs_is_set_and_nothing_that_waits_is_dropped(difference: dict[str, Any]) -> None:
    [asked] = await looked_at(**difference)
    assert (asked.url, asked.secret_token, asked.allowed_updates) == (URL, "s3cret", ALLOWED_UPDATES)
    assert asked.drop_pending_updates is False


async def offered(reply: Reply) -> list[TelegramMethod[Any]]:
    bot, session = scripted(lambda method: reply if isinstance(method, GetMyCommands) else fine())
    await offer_commands(bot, "main", views())
    return [method for method in session.asked if isinstance(method, SetMyCommands)]


def menu(language: str) -> list[dict[str, str]]:
    return [{"command": one.name, "description": one.described[language]} for one in views() if one.scope == "customer"]


async def test_commands_are_set_for_private_chats_and_groups_in_each_language_where_telegram_has_others() -> None:
    asked = await offered(fine([]))
    told = [(method.scope.type, method.language_code) for method in asked]  # type: ignore[attr-defined]
    assert told == [(scope, tag) for scope in ("all_private_chats", "all_group_chats") for tag in (None, "de", "es")]
    assert {one.command for one in asked[0].commands} == {"start", "help", "new", "stop", "human", "language", "id"}  # type: ignore[attr-defined]


async def test_a_menu_that_telegram_has_already_is_not_set_again() -> None:
    def has(method: TelegramMethod[Any]) -> Reply:
        return fine(menu(method.language_code or "en")) if isinstance(method, GetMyCommands) else fine()

    bot, session = scripted(has)
    await offer_commands(bot, "main", views())
    assert not any(isinstance(method, SetMyCommands) for method in session.asked)


async def test_customers_are_shown_no_command_of_the_staff() -> None:
    bot, session = scripted(lambda method: fine([]) if isinstance(method, GetMyCommands) else fine())
    await offer_commands(bot, "main", [*views(), replace(views()[0], name="claim", scope="desk")])
    shown = {one.command for method in session.asked if isinstance(method, SetMyCommands) for one in method.commands}
    assert "claim" not in shown
    assert "claim" not in names([replace(views()[0], name="claim", scope="desk")])


@pytest.mark.parametrize("reply", [refused(502, "Bad Gateway"), (200, "garbage"), refused(401, "Unauthorized")])
async def test_a_menu_that_cannot_be_set_is_no_harm(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines.of("adapters.telegram.menu", monkeypatch)
    assert await offered(reply) == []
    assert [line["event"] for line in lines] == ["telegram.menu_not_set"]


async def test_an_error_of_the_way_holds_neither_the_address_nor_the_token() -> None:
    """Against a closed port, with the real session: the URL holds the token, and the HTTP client's errors hold the URL."""
    import socket
    import traceback

    from aiogram.methods import GetMe

    from adapters.telegram.session import NotReached, connect, disconnect
    from adapters.telegram.settings import TelegramSettings

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bot = connect(TelegramSettings(token=TOKEN, api_base=f"http://127.0.0.1:{closed.getsockname()[1]}"))
        with pytest.raises(NotReached) as raised:
            await bot(GetMe())
        await disconnect(bot)
    told = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(bot)
    assert TOKEN.partition(":")[2] not in told
    assert "127.0.0.1" not in told
