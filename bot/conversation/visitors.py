"""Web visitors: a session is a random token, shown once, stored as its hash."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping

import sqlalchemy as sa

from bot.events import AccountKey, Author, ChannelAddress
from bot.store import controls, parties, sessions
from bot.store.ids import ConversationId, new_id
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.views import SessionView

LIFETIME_S = 30 * 86_400.0
KEPT = 10_000
KEPT_S = 30.0


class Visitors:
    """Sessions over a store. A found session is believed for thirty seconds, so that a message costs no look-up."""

    def __init__(self, store: Store, accounts: Mapping[AccountKey, AccountRef]) -> None:
        self._store = store
        self._accounts = accounts
        self._found: OrderedDict[str, tuple[float, SessionView]] = OrderedDict()

    async def open(self, account: AccountKey, user_id: str | None = None) -> tuple[str, str]:
        """See `bot.ports.Sessions`."""
        token = secrets.token_urlsafe(32)
        user = user_id if user_id is not None else f"visitor:{new_id()}"
        conversation_id = await self._store.write(_open, self._accounts[account], user, _hash(token))
        return token, conversation_id

    async def find(self, account: AccountKey, token: str) -> SessionView | None:
        """See `bot.ports.Sessions`."""
        token_hash = _hash(token)
        kept = self._found.get(token_hash)
        if kept is not None and kept[1].account == account.name and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        found = await self._store.read(sessions.find, self._accounts[account], token_hash)
        if found is None:
            return None
        view = SessionView(found[0], account.name, found[1], found[2])
        self._found[token_hash] = (time.monotonic(), view)
        self._found.move_to_end(token_hash)
        if len(self._found) > KEPT:
            self._found.popitem(last=False)
        return view

    async def revoke(self, account: AccountKey, token: str) -> None:
        """See `bot.ports.Sessions`."""
        self._found.pop(_hash(token), None)
        await self._store.write(sessions.revoke, self._accounts[account], _hash(token))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _open(connection: sa.Connection, ref: AccountRef, user_id: str, token_hash: str) -> ConversationId:
    where = ChannelAddress(ref.channel, ref.name, user_id)
    known = parties.look_up(connection, ref, where, user_id, "")
    address_id = known.address_id or parties.make_address(connection, ref, where)
    customer_id = known.customer_id or parties.make_identity(connection, ref, Author(user_id))[1]
    conversation_id = known.conversation_id or controls.begin_anew(connection, ref, address_id, customer_id, None)
    sessions.open_session(connection, ref, address_id, user_id, token_hash, lifetime_s=LIFETIME_S)
    return conversation_id
