"""The response to an interaction, changed with the token that the interaction brought: for a quarter of an hour, by anyone
who has the token, and the same change twice changes nothing.
"""

from typing import Any

from adapters.discord.rest import Rest
from bot.errors import MessageGone

PREFIX = "interaction:"
PATH = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
TOKEN_EXPIRED = 50027


def platform_id(application_id: str, interaction_id: str) -> str:
    return f"{PREFIX}{application_id}:{interaction_id}"


def is_original(name: str) -> bool:
    return name.startswith(PREFIX)


async def edit(rest: Rest, name: str, secret: str | None, body: dict[str, Any]) -> None:
    """Raises MessageGone without its token."""
    await rest.call("PATCH", PATH, body=body, authorised=False, where=_where(name, secret))


async def delete(rest: Rest, name: str, secret: str | None) -> None:
    """Raises MessageGone without its token."""
    await rest.call("DELETE", PATH, authorised=False, where=_where(name, secret))


def _where(name: str, secret: str | None) -> dict[str, str]:
    if not secret:
        raise MessageGone("the interaction's token is not kept any more")
    application_id, _, _ = name.removeprefix(PREFIX).partition(":")
    return {"webhook_id": application_id, "webhook_token": secret}
