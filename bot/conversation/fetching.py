"""Reads the text files of an open question, just before it is answered: nothing is fetched while messages are taken in."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
import structlog

from bot.conversation.claiming import OpenQuestion
from bot.conversation.counters import Counters
from bot.conversation.files import MOST_BYTES, decoded, for_model
from bot.conversation.hearing import sent_file
from bot.errors import DeliveryUnknown, RetryLater
from bot.events import ChannelAddress
from bot.ports import Files
from bot.rounds import guarded
from bot.store import attachments, turns
from bot.store.attachments import Content, Kept
from bot.store.conversations import Claim
from bot.store.store import Store

MOST_FILES = 5
WITHIN_S = 10.0
SHORTEST_S = 0.1
log = structlog.get_logger()


class Fetching:
    """A file that cannot be had costs `within_s` seconds at most and no answer: the model is told that it was not opened. A
    later try of the same question fetches it again.
    """

    def __init__(self, store: Store, files: Files, counters: Counters, *, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._files = files
        self._counters = counters
        self._within_s = within_s

    async def read(self, question: OpenQuestion, address: ChannelAddress) -> OpenQuestion:
        """A question `with_files`, with what its text files say, five at most. Raises Superseded, or StoreUnavailable."""
        claim, seqs = question.claim, with_files(question)
        kept = await self._store.read(attachments.of_turns, claim.workspace_id, claim.conversation_id, seqs)
        texts = [one for one in kept if one.text is not None][:MOST_FILES]
        unread = [one for one in texts if one.sha256 is None]
        read = await asyncio.gather(*(self._content(address, one) for one in unread))
        contents = {one.attachment_id: content for one, content in zip(unread, read, strict=True) if content is not None}
        if not contents:
            return question
        frozen = await self._store.write(keep, claim, contents, seqs)
        return replace(question, turns=tuple(turn._replace(text=frozen.get(turn.seq, turn.text)) for turn in question.turns))

    async def _content(self, address: ChannelAddress, kept: Kept) -> Content | None:
        """None when it could not be had this time."""
        data = await guarded("files", self._counters, self._fetch(address, kept.reference), file=kept.attachment_id)
        if isinstance(data, Exception):
            log.warning("file.not_read", channel=address.channel, file=kept.attachment_id, error=str(data))
            self._counters.count("files", address.channel, type(data).__name__)
            return None
        text = decoded(data, whole=len(data) < MOST_BYTES)
        self._counters.count("files", address.channel, "read" if text is not None else "no_text")
        return Content(hashlib.sha256(data).hexdigest(), text)

    async def _fetch(self, address: ChannelAddress, reference: str) -> bytes:
        """A platform that says when to come again is asked again, as long as there is time."""
        try:
            async with asyncio.timeout(self._within_s):
                while True:
                    try:
                        return await self._files.fetch(address, reference, MOST_BYTES)
                    except RetryLater as error:
                        if error.after_s >= self._within_s:
                            raise
                        await asyncio.sleep(max(error.after_s, SHORTEST_S))
        except TimeoutError:
            raise DeliveryUnknown("it took too long") from None


def with_files(question: OpenQuestion) -> Sequence[int]:
    """The turns of the open question that have files."""
    answered = question.claim.answered_seq
    return [turn.seq for turn in question.turns if turn.frozen and turn.seq > answered and turn.role == "customer"]


def keep(connection: sa.Connection, claim: Claim, contents: Mapping[str, Content], seqs: Sequence[int]) -> dict[int, str]:
    """Keep what files say, by attachment id, and what the model reads of their turns, by seq. Raises Superseded."""
    words = attachments.keep_contents(connection, claim, contents, seqs)
    files = attachments.of_turns(connection, claim.workspace_id, claim.conversation_id, seqs)
    frozen = {seq: for_model(text, [sent_file(one) for one in files if one.seq == seq]) for seq, text in words.items()}
    turns.freeze(connection, claim.workspace_id, claim.conversation_id, frozen)
    return frozen
