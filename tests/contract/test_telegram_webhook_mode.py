"""The Telegram account in webhook mode, and what the doctor sees of it, over real sockets."""

import pytest
from starlette.applications import Starlette

from adapters.telegram.inspection import Finding, inspect
from bot.events import (
    Undecodable,
)
from tests.contract.telegram_rig import running, settings_for
from tests.contract.test_telegram_adapter import Nobody, events, until
from tests.telegram_double import MemoryIntake
from tests.telegram_server import Fault, Limits, TelegramServer
from tests.web_server import WebServer


@pytest.fixture
async def webhook():
    """A stand-in, an account in webhook mode behind a real HTTP server, and its intake."""
    async with TelegramServer(Limits.none()) as server:
        account, intake = server.add_bot(), MemoryIntake()
        door = WebServer(Starlette())
        await door.start()
        async with running(server, account, intake, mode="webhook", webhook_url=door.url) as part:
            door._app.router.routes.extend(part.routes())  # type: ignore[attr-defined]
            yield server, account, intake, door
        await door.stop()


async def test_updates_come_by_webhook_and_a_busy_store_is_waited_for(webhook) -> None:
    server, account, intake, _ = webhook
    ann = server.add_user("Ann")
    ann.say("hello")
    await until(lambda: intake.texts == ["hello"])
    assert server.reception(account).webhook.url.split("?")[0].endswith("/telegram/main")
    server.inject_update({"message": {"message_id": "poison"}})
    ann.say("after poison")
    await until(lambda: not server.pending_updates())
    assert intake.texts == ["hello", "after poison"]
    assert events(intake).count(Undecodable) == 1


async def test_the_webhook_is_set_once_and_with_the_secret(webhook) -> None:
    server, account, _, door = webhook
    await until(lambda: server.calls["setWebhook"] == 1)
    async with running(server, account, MemoryIntake(), mode="webhook", webhook_url=door.url):
        await until(lambda: server.calls["getWebhookInfo"] >= 2)
    assert server.calls["setWebhook"] == 1
    async with running(server, account, MemoryIntake(), mode="webhook", webhook_url=door.url, webhook_secret="another"):
        await until(lambda: server.calls["setWebhook"] == 2)


async def test_a_polling_account_serves_no_route() -> None:
    async with TelegramServer(Limits.none()) as server, running(server, server.add_bot(), MemoryIntake()) as part:
        assert part.routes() == []


async def test_the_doctor_reads_and_changes_nothing() -> None:
    async with TelegramServer(Limits.none()) as server:
        account = server.add_bot(username="frontbot")
        findings = await inspect(settings_for(server, account))
        assert all(finding.ok for finding in findings)
        assert findings[0] == Finding("token", ok=True, text="valid, the bot is @frontbot")
        assert set(server.calls) == {"getMe", "getWebhookInfo"}
        wanted = await inspect(settings_for(server, account, mode="webhook", webhook_url="https://bot.example"))
        assert [(one.name, one.ok) for one in wanted if not one.ok] == [("receiving", False)]


async def test_the_doctor_says_what_is_wrong_without_the_token() -> None:
    async with TelegramServer(Limits.none()) as server:
        account = server.add_bot()
        async with Nobody(server, account):
            pass
        [wrong] = [one for one in await inspect(settings_for(server, account)) if not one.ok]
        assert (wrong.name, wrong.text) == ("receiving", "a webhook is set")
        account.revoked = True
        [refused] = await inspect(settings_for(server, account))
        assert (refused.name, refused.ok) == ("token", False)
        account.revoked = False
        server.fail_next(Fault.reset())
        [away] = await inspect(settings_for(server, account))
        assert (away.name, away.ok) == ("connection", False)
        assert account.token not in f"{wrong} {refused} {away}"
