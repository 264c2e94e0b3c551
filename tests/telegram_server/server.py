"""The stand-in for Telegram: a Bot API server on a loopback port, its world, its faults and its log."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import msgspec

from tests.telegram_server.account import BotAccount
from tests.telegram_server.chat import Chat, Draft, Message
from tests.telegram_server.door import Door
from tests.telegram_server.fault import Fault, FaultScript, Misfortune
from tests.telegram_server.limits import Limits
from tests.telegram_server.receiving import Reception
from tests.telegram_server.sight import Log, Seen, What, buttons_of
from tests.telegram_server.world import World


class TelegramServer(World):
    """`async with TelegramServer() as server:` listens on `server.url` (127.0.0.1). See the package's docstring for a tour.

    Counters: `calls` by method, `refused` by "method: description", `mended` by what the server corrected in silence,
    `broken_limits` (calls made while told to wait), `limited` (429s), `drafts_after_stop`. `latency` gives the seconds each call
    takes on the way.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        port: int = 0,
        most_log: int | None = None,
        most_messages: int = 20_000,
        latency: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(limits or Limits())
        self.log = Log(most_log)
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self.troubled: Counter[str] = Counter()
        self.drafts_after_stop = 0
        self.latency = latency
        self.misfortune = Misfortune()
        self.kept_messages = most_messages
        self._receptions: dict[int, Reception] = {}
        self._door = Door(self, port)

    async def __aenter__(self) -> Self:
        await self._door.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for reception in self._receptions.values():
            await reception.close()
        await self._door.close()

    @property
    def url(self) -> str:
        return self._door.url

    @property
    def broken_limits(self) -> int:
        return sum(bot.rates.broken for bot in self.bots.values())

    @property
    def limited(self) -> int:
        return sum(bot.rates.refused for bot in self.bots.values())

    @property
    def fault(self) -> FaultScript:
        """Asked for each call with the method's name and the chat: the fault that befalls it, or None."""
        return self.misfortune.script

    @fault.setter
    def fault(self, script: FaultScript) -> None:
        self.misfortune.script = script

    def fail_next(self, fault: Fault, *, method: str | None = None, chat_id: int | None = None, times: int = 1) -> None:
        """The next so many calls (of that method, to that chat) meet the fault, before the script is asked."""
        self.misfortune.plan(fault, method, chat_id, times)

    def cut_connections(self) -> None:
        """Break every connection at once; new ones are taken."""
        self._door.cut_all()

    def reception(self, bot: BotAccount) -> Reception:
        """How the bot hears: its polls and webhook."""
        known = self._receptions.get(bot.id)
        if known is None:
            known = self._receptions[bot.id] = Reception(bot, self._door.answer_of_webhook)
        return known

    def see(self, what: What, message: Message, bot: BotAccount) -> None:
        """Log what a user sees of a message now."""
        reply_to = message.answers.message_id if message.answers is not None else None
        self.log.add(
            Seen(
                self.clock.now(), what, message.chat.id, message.thread_id, message.message_id, message.text,
                tuple(message.entities), buttons_of(message.markup), reply_to, bot.id,
            )
        )  # fmt: skip
        self.changes.happened()

    def note(
        self,
        what: What,
        bot: BotAccount,
        chat: Chat,
        thread_id: int | None,
        *,
        text: str,
        message_id: int = 0,
        entities: list[dict[str, Any]] | None = None,
    ) -> None:
        """Log what a user sees that is no message."""
        self.log.add(Seen(self.clock.now(), what, chat.id, thread_id, message_id, text, tuple(entities or ()), (), None, bot.id))
        self.changes.happened()

    def on_show(self, chat_id: int, thread_id: int | None = None, *, bot: BotAccount | None = None) -> list[str]:
        """The texts of the bots' messages there now, oldest first; with a thread only those in it."""
        return [message.text for message in self.messages_on_show(chat_id, thread_id, bot=bot)]

    def messages_on_show(self, chat_id: int, thread_id: int | None = None, *, bot: BotAccount | None = None) -> list[Message]:
        messages = [message for chat in self.chats(chat_id, bot) for message in chat.messages.values()]
        spoken = [message for message in messages if message.sender["is_bot"] and not message.service]
        return [message for message in spoken if thread_id in {None, message.thread_id} and (bot is None or message.by == bot.id)]

    def draft_on_show(self, chat_id: int, *, bot: BotAccount | None = None) -> Draft | None:
        """The draft a person sees now: younger than 30 s, not followed by a message, not stopped."""
        drafts = [chat.draft_at(self.clock.now()) for chat in self.chats(chat_id, bot)]
        return next((draft for draft in drafts if draft is not None), None)

    def times_shown(self, text: str) -> int:
        return self.log.times_shown(text)

    async def wait_until(self, predicate: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Until it holds; it is looked at after every sight, call and update. Raises TimeoutError with what was seen last."""
        try:
            await self.changes.until(predicate, timeout_s)
        except TimeoutError:
            lately = "\n".join(f"  {seen.what} {seen.chat_id} {seen.text[:60]!r}" for seen in list(self.log)[-8:])
            raise TimeoutError(f"it did not come true in {timeout_s} s; seen last:\n{lately}") from None

    async def seen(self, text: str, chat_id: int | None = None, timeout_s: float = 5.0) -> Seen:
        """The first message, sent or edited, that shows exactly this text (in that chat)."""
        looked_to = 0
        found: Seen | None = None

        def shown() -> bool:
            nonlocal looked_to, found
            fresh, looked_to = self.log.since(looked_to), self.log.count
            fitting = (each for each in fresh if each.what in {"sent", "edited"} and each.text == text)
            found = next((each for each in fitting if chat_id in {None, each.chat_id}), None)
            return found is not None

        await self.wait_until(shown, timeout_s)
        assert found is not None
        return found

    def inject_update(self, content: dict[str, Any] | bytes, bot: BotAccount | None = None, *, queue_id: int = 0) -> int | None:
        """Queue an update of any kind and shape, allowed or not: poison. `content` is its JSON object without `update_id`."""
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        return (bot or self.the_bot()).put(body, queue_id or self.next_number())

    def repeat_update(self, update_id: int | None = None, bot: BotAccount | None = None) -> int:
        """Deliver a confirmed update (the last one) once more under its old id."""
        bot = bot or self.the_bot()
        event = bot.queue.repeat(update_id)
        bot.wake()
        return event.update_id

    def renumber_updates(self, start: int | None = None, bot: BotAccount | None = None) -> None:
        """The next update gets a random id (or `start`), as after a quiet week; pending ones are numbered anew."""
        bot = bot or self.the_bot()
        bot.queue.renumber(start)
        self.reception(bot).start_over()

    def shuffle_updates(self, seed: int, bot: BotAccount | None = None) -> None:
        """Put the undelivered updates into another order under the same ids."""
        (bot or self.the_bot()).queue.shuffle(random.Random(seed))

    def pending_updates(self, bot: BotAccount | None = None) -> int:
        return len((bot or self.the_bot()).queue)
