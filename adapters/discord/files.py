"""The files of messages: a fresh address from the message itself, since signed addresses end, and then the bytes behind it.

Addresses: "Signed Attachment CDN URLs" in the reference of Discord's API.
"""

from http import HTTPStatus

import discord
import yarl
from discord.http import Route

from adapters.discord.payloads import Attachment, Content, Message
from adapters.discord.rest import Rest
from bot.errors import MessageGone, MessageRefused

CDN = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
# the address is shown no token, so none of these says anything about ours
GONE = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


async def fetch(rest: Rest, reference: str, most: int) -> bytes:
    """The first `most` bytes of the file "channel/message/file". Raises MessageGone, MessageRefused, and what `Rest` raises."""
    channel_id, message_id, file_id = reference.split("/")
    path = "/channels/{channel_id}/messages/{message_id}"
    message = await rest.ask(Message, path, channel_id=channel_id, message_id=message_id)
    found = next((one for one in _files(message) if one.id == file_id), None)
    if found is None:
        raise MessageGone("the file is not in its message any more")
    url = address_of(found.url)
    if url is None:
        raise MessageRefused("the file is at an address that is not the platform's")
    try:
        return await rest.download(url, most)
    except discord.HTTPException as error:
        if error.status in GONE:
            raise MessageGone(f"the file is gone: status {error.status}") from None
        raise


def address_of(text: str) -> yarl.URL | None:
    """The address, where it is of Discord's own CDN, or of the place of `api_base` where that was set to lead elsewhere."""
    try:
        url = yarl.URL(text, encoded=True)
        origin = url.origin()
    except ValueError:
        return None
    api = yarl.URL(Route.BASE)
    elsewhere = api.host != "discord.com" and origin == api.origin()
    return url if elsewhere or (origin.scheme == "https" and origin.host in CDN and origin.port == 443) else None


def _files(message: Message) -> list[Attachment]:
    shown: list[Message | Content] = [message, *(snapshot.message for snapshot in message.message_snapshots)]
    return [attachment for one in shown for attachment in one.attachments]
