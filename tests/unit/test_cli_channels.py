"""One account of `frontdesk run`, before its platform is there."""

import asyncio

from structlog.testing import capture_logs

from bot.cli.channels import ChannelAccount, Needs, Platform
from bot.commands.menu import all_commands
from bot.conversation.intake import StoredCursors, StoredIntake
from bot.events import AccountKey
from bot.metrics import Metrics
from bot.store.ids import AccountId, WorkspaceId
from bot.store.memory import MemoryStore
from bot.store.parties import AccountRef


def nothing() -> Platform:
    raise AssertionError("without its SDK no account is made")


async def test_an_account_whose_sdk_is_missing_says_so_in_one_line_and_holds_up_nobody() -> None:
    store, metrics, stopping = MemoryStore(), Metrics(), asyncio.Event()
    ref = AccountRef(WorkspaceId("w"), AccountId("a"), "telegram", "main", "a")
    needs = Needs(store, StoredIntake(store, {}, all_commands(), metrics), StoredCursors(store, {}), metrics, 10.0)
    account = ChannelAccount(AccountKey("telegram", "main"), ref, "no_such_sdk", nothing, needs)
    with capture_logs() as lines:
        running = asyncio.create_task(account.run(stopping))
        async with asyncio.timeout(10):
            while not lines:
                await asyncio.sleep(0)
        assert not running.done()
        stopping.set()
        await asyncio.wait_for(running, 10)
    assert [(line["event"], line["account"], line["error"]) for line in lines] == [
        ("channel.not_loaded", "telegram.main", "No module named 'no_such_sdk'")
    ]
    assert not account.held
    await store.close()
