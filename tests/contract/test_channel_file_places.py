"""Where each platform keeps files, and what must not happen on the way there: no token shown, no other place asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import yarl
from discord.http import Route
from pydantic import SecretStr

from adapters.discord.files import address_of
from adapters.discord.rest import Rest
from adapters.telegram.methods import GetRawFile
from adapters.telegram.session import Session, connect, disconnect
from adapters.telegram.settings import TelegramSettings
from bot.errors import DeliveryUnknown, MessageGone, MessageRefused
from tests.contract.discord_rig import DiscordRig
from tests.contract.file_rigs import OfDiscord, OfTelegram
from tests.contract.telegram_rig import telegram_rig
from tests.discord_server import FETCH_FILE, Attachment
from tests.discord_server import Fault as DiscordFault
from tests.telegram_server import Fault as TelegramFault

TEXT = "my order is late, größer".encode()
MOST = 1000


@asynccontextmanager
async def stalling() -> AsyncIterator[str]:
    """A server that begins to send a very long file and stops after 2,000 bytes; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 2000)
        await writer.drain()
        await reader.read()  # until the client goes
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_the_rest_of_a_long_file_is_not_waited_for() -> None:
    async with stalling() as base, asyncio.timeout(5):
        bot, rest = connect(TelegramSettings(token="1:a", api_base=base)), Rest(SecretStr("token"))
        assert isinstance(bot.session, Session)
        got = await bot.session.download(bot, GetRawFile(file_id="f"), "a.txt", MOST), await rest.download(yarl.URL(base), MOST)
        assert got == (b"x" * MOST,) * 2
        await disconnect(bot)
        await rest.close()


# Telegram


async def test_telegram_gives_no_file_of_more_than_20_megabytes() -> None:
    async with telegram_rig() as rig:
        ann = rig.server.people[int(rig.at.chat_id)]
        sent = ann.send_document(b"x", "a.txt", mime="text/plain", size=21 << 20)
        with pytest.raises(MessageRefused, match="file is too big"):
            await rig.channel.fetch(sent.content["document"]["file_id"], MOST)


async def test_a_path_on_the_disk_of_a_local_server_is_no_address() -> None:
    async with telegram_rig() as rig:
        made = OfTelegram(rig)
        reference = made.send_file(TEXT)
        rig.server.local = True
        with pytest.raises(MessageRefused) as raised:
            await rig.channel.fetch(reference, MOST)
        assert rig.account.token not in f"{raised.value} {raised.value!r}"
        assert rig.server.calls["file"] == 0


async def test_a_link_that_has_ended_is_a_file_that_is_gone() -> None:
    """Not a wrong token, which a 404 means at every other address."""
    async with telegram_rig() as rig:
        reference = OfTelegram(rig).send_file(TEXT)
        rig.server.fail_next(TelegramFault(TelegramFault.error().trouble, status=404), method="file")
        with pytest.raises(MessageGone):
            await rig.channel.fetch(reference, MOST)


# Discord


async def test_discord_is_asked_for_a_fresh_address_when_the_first_has_ended() -> None:
    async with DiscordRig().up() as rig:
        made = OfDiscord(rig)
        reference = made.send_file(TEXT)
        rig.server.advance(rig.server.limits.attachment_life + 10)
        assert await rig.channel.fetch(reference, MOST) == TEXT


async def test_the_cdn_is_shown_no_token_and_leads_nowhere_else() -> None:
    async with DiscordRig().up() as rig:
        reference = OfDiscord(rig).send_file(TEXT)
        await rig.channel.fetch(reference, MOST)
        rig.server.fail_next(DiscordFault.error(302), *FETCH_FILE)
        with pytest.raises(DeliveryUnknown):
            await rig.channel.fetch(reference, MOST)
        assert (rig.server.cdn.fetched, rig.server.cdn.strangers) == (2, 0)


async def test_a_file_that_was_taken_out_of_its_message_is_gone() -> None:
    async with DiscordRig().up() as rig:
        made = OfDiscord(rig)
        reference = made.send_file(TEXT)
        made.message.attachments = [Attachment(1, "other.txt", b"other")]
        with pytest.raises(MessageGone):
            await rig.channel.fetch(reference, MOST)
        assert rig.server.cdn.fetched == 0


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_what_the_cdn_does_not_give_is_gone_and_says_nothing_of_the_token(status: int) -> None:
    async with DiscordRig().up() as rig:
        reference = OfDiscord(rig).send_file(TEXT)
        rig.server.fail_next(DiscordFault.error(status), *FETCH_FILE)
        with pytest.raises(MessageGone):
            await rig.channel.fetch(reference, MOST)


async def test_an_address_elsewhere_is_not_fetched_from() -> None:
    async with DiscordRig().up() as rig:
        reference = OfDiscord(rig).send_file(TEXT)
        object.__setattr__(rig.server.links, "home", "http://127.0.0.1:1")
        with pytest.raises(MessageRefused):
            await rig.channel.fetch(reference, MOST)


@pytest.mark.parametrize(
    ("api_base", "address", "taken"),
    [
        ("https://discord.com/api/v10", "https://cdn.discordapp.com/attachments/1/2/a.txt?ex=1", True),
        ("https://discord.com/api/v10", "https://media.discordapp.net/attachments/1/2/a.txt", True),
        ("https://discord.com/api/v10", "http://cdn.discordapp.com/attachments/1/2/a.txt", False),
        ("https://discord.com/api/v10", "http://cdn.discordapp.com:443/a.txt", False),
        ("https://discord.com/api/v10", "https://cdn.discordapp.com:8443/a.txt", False),
        ("https://discord.com/api/v10", "https://cdn.discordapp.com.evil.example/a.txt", False),
        ("https://discord.com/api/v10", "https://cdn.discordapp.com@evil.example/a.txt", False),
        ("https://discord.com/api/v10", "https://discord.com/api/v10/users/@me", False),
        ("https://discord.com/api/v10", "file:///etc/passwd", False),
        ("https://discord.com/api/v10", "", False),
        ("http://127.0.0.1:8080/api/v10", "http://127.0.0.1:8080/attachments/1/2/a.txt", True),
        ("http://127.0.0.1:8080/api/v10", "https://cdn.discordapp.com/attachments/1/2/a.txt", True),  # a proxy of the API alone
        ("http://127.0.0.1:8080/api/v10", "http://127.0.0.1:9090/attachments/1/2/a.txt", False),
    ],
)
def test_only_the_platforms_own_addresses_are_taken(
    monkeypatch: pytest.MonkeyPatch, api_base: str, address: str, taken: bool
) -> None:
    monkeypatch.setattr(Route, "BASE", api_base)
    assert address_of(address) == (yarl.URL(address, encoded=True) if taken else None)
