"""Previews on one push account: one strand for each answer being made, no more than a bound at once."""

import asyncio

from bot.delivery.limits import PreviewLimits
from bot.delivery.pacing import Pacing
from bot.delivery.strand import Strand
from bot.delivery.tally import Tally
from bot.ports import PreviewTarget, PushChannel
from bot.rounds import guarded
from bot.store.ids import OutboxId
from bot.store.store import Store


class PushPreviews:
    """The `Previews` of one account, and its `PreviewEnds`. Shows nothing unless `run` is running."""

    def __init__(self, store: Store, channel: PushChannel, *, pacing: Pacing, tally: Tally, limits: PreviewLimits) -> None:
        self._store = store
        self._channel = channel
        self._pacing = pacing
        self._tally = tally
        self._limits = limits
        self._tasks: asyncio.TaskGroup | None = None
        self._strands: dict[str, tuple[Strand, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Own the strands until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def show(self, target: PreviewTarget, text: str) -> None:
        """The whole text so far; shown when there is a surplus, or replaced by a newer one before."""
        if target.outbox_id is None or self._tasks is None:
            return
        strand, task = self._strands.get(target.outbox_id, (None, None))
        if strand is not None and strand.target.epoch > target.epoch:
            return
        if strand is None or strand.target.epoch < target.epoch:
            if strand is not None:
                strand.end()
            elif len(self._strands) >= self._limits.most:
                self._tally.count("previews", "skipped")
                return
            strand = Strand(self._store, self._channel, self._pacing, self._tally, self._limits, target)
            self._strands[target.outbox_id] = strand, self._tasks.create_task(self._follow(strand, after=task))
        strand.show(text)

    def gone(self, target: PreviewTarget) -> None:
        """Start no further request for this target."""
        strand, _ = self._strands.get(target.outbox_id or "", (None, None))
        if strand is not None and strand.target.epoch <= target.epoch:
            strand.end()

    async def finish(self, outbox_id: OutboxId) -> None:
        """End the preview of a row and return when its last request is over."""
        strand, task = self._strands.get(outbox_id, (None, None))
        if strand is not None and task is not None:
            strand.end()
            await asyncio.wait({task})

    async def _follow(self, strand: Strand, *, after: asyncio.Task[None] | None) -> None:
        """Run a strand after the one it takes over from: two never speak for the same row. One that gave up stays, so that
        further texts do not begin it anew; one that nobody ends, does so by itself. A text that a channel stumbles over costs its
        own preview only.
        """
        try:
            async with asyncio.timeout(self._limits.longest_s):
                if after is not None:
                    await asyncio.wait({after})
                await guarded("previews", self._tally, strand.run(), outbox=strand.target.outbox_id or "")
                await strand.ended()
        except TimeoutError:
            self._tally.count("previews", "skipped")
        finally:
            outbox_id = strand.target.outbox_id or ""
            if self._strands.get(outbox_id, (None, None))[0] is strand:
                del self._strands[outbox_id]
