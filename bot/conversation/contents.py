"""What a workspace has set and where an address is, kept in memory for a moment: read by every answer, changed seldom."""

import time
from collections import OrderedDict
from collections.abc import Mapping

import sqlalchemy as sa

from bot.events import ChannelAddress
from bot.store import parties, workspaces
from bot.store.conversations import Claim
from bot.store.ids import AccountId, AddressId, WorkspaceId
from bot.store.parties import AccountRef
from bot.store.store import Store
from bot.store.workspaces import WorkspaceContent

FRESH_S = 3.0
ADDRESS_FRESH_S = 60.0
ADDRESSES = 10_000


class Contents:
    """A changed prompt is in use within three seconds; an address is believed for a minute (a chat may get another id)."""

    def __init__(self, store: Store, accounts: Mapping[AccountId, AccountRef]) -> None:
        self._store = store
        self._accounts = accounts
        self._workspaces: dict[WorkspaceId, tuple[float, WorkspaceContent]] = {}
        self._addresses: OrderedDict[AddressId, tuple[float, ChannelAddress]] = OrderedDict()

    async def of(self, claim: Claim) -> tuple[WorkspaceContent, ChannelAddress]:
        """The workspace's content and the address of a claimed conversation."""
        kept = self._workspaces.get(claim.workspace_id)
        address = self._addresses.get(claim.address_id)
        if kept is not None and address is not None:
            now = time.monotonic()
            if now - kept[0] < FRESH_S and now - address[0] < ADDRESS_FRESH_S:
                return kept[1], address[1]
        content, found = await self._store.read(self._read, claim.workspace_id, claim.address_id)
        self._workspaces[claim.workspace_id] = (time.monotonic(), content)
        self._addresses[claim.address_id] = (time.monotonic(), found)
        self._addresses.move_to_end(claim.address_id)
        if len(self._addresses) > ADDRESSES:
            self._addresses.popitem(last=False)
        return content, found

    def _read(
        self, connection: sa.Connection, workspace_id: WorkspaceId, address_id: AddressId
    ) -> tuple[WorkspaceContent, ChannelAddress]:
        account_id, chat_id, thread_id = parties.place(connection, workspace_id, address_id)
        account = self._accounts[account_id]
        return workspaces.load(connection, workspace_id), ChannelAddress(account.channel, account.name, chat_id, thread_id)
