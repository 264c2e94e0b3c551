"""No token in any log line, error or stored update: of the bot, or of an interaction, whose token stands in addresses."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from bot.errors import ChannelError
from bot.events import MessageReceived
from bot.ports import OutboundMessage
from bot.store.ids import new_id
from tests.discord_book import Book, running
from tests.discord_server import CALLBACK, EDIT_RESPONSE, FETCH_FILE, READ_MESSAGE, DiscordServer, Fault, Limits

CANARY = "canary-of-the-bot"
CANARY_TEXT = "what the file says"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that anybody logs, ours as well, at the lowest level."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with caplog.at_level(logging.DEBUG):
        yield caplog
    structlog.configure(**before)


FAULTS = [
    Fault.error(500),
    Fault.dropped(),
    Fault.reset(),
    Fault.garbled(),
    Fault.limited(0.1),
    Fault.limited(0.1, scope="global"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.kind}-{one.scope}")
async def test_no_token_is_told_whatever_goes_wrong(lines: pytest.LogCaptureFixture, fault: Fault) -> None:
    said: list[str] = []
    async with DiscordServer(Limits(identify_interval=0.0)) as server:
        bot, book = server.application(CANARY), Book(server.touch)
        anna = server.person("anna")
        dm = anna.dm(bot)
        async with running(server, bot, book) as account:
            await server.wait_until(lambda: server.calls["PUT", "/applications/{application_id}/commands"])
            asked = anna.run(dm, "ask", bot=bot, question="where is my order?")
            await server.wait_until(lambda: book.texts)
            (message,) = book.of_kind(MessageReceived)
            assert message.placeholder is not None
            answer = OutboundMessage(new_id(), message.address, "on its way", secret=message.placeholder.secret)
            for target in (EDIT_RESPONSE, None):
                server.fail_next(fault, *(target or ("POST", "/channels/{channel_id}/messages")))
                try:
                    if target:
                        await account.channel.edit(answer, message.placeholder.platform_id)
                    else:
                        await account.channel.send(answer)
                except ChannelError as error:
                    said += [str(error), repr(error), *(str(one) for one in (error.__cause__,) if one)]
            note = anna.say(dm, "", files=[("note.txt", CANARY_TEXT.encode(), "text/plain")])
            reference = f"{dm.id}/{note.id}/{note.attachments[0].id}"
            for place in (READ_MESSAGE, FETCH_FILE):
                server.fail_next(fault, *place, times=2)  # a broken connection is tried once more
                with pytest.raises(ChannelError) as unread:
                    await account.channel.fetch(reference, 100)
                said += [str(unread.value), repr(unread.value), repr(unread.value.__cause__)]
                logging.getLogger("elsewhere").error("not fetched", exc_info=unread.value)
                server.faults.clear()
                server.advance(5)
            server.fail_next(fault, *CALLBACK)
            again = anna.run(dm, "help", bot=bot)
            server.gateway.kill(bot)
            await server.wait_connected(bot)
            bot.revoked = True
            with pytest.raises(ChannelError) as raised:
                await account.channel.find_sent(answer, datetime.now(UTC))
            said.append(repr(raised.value))
            secrets = (CANARY, asked.token, again.token, CANARY_TEXT)
            raws = [one.raw for one in book.kept.values()]
    told = [*said, *(record.getMessage() for record in lines.records), lines.text]
    assert raws
    assert any("discord." in one for one in told), "nothing was listened to"
    for secret in secrets:
        assert not [one for one in told if secret in one]
        assert not [raw for raw in raws if secret.encode() in raw]
