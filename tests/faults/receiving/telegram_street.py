"""The stand-in for Telegram with its customers: in private, in groups, in topics of a forum. Polled, or posting to a webhook."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from tests.faults.receiving.points import Mode
from tests.faults.receiving.street import Ledger, Sight, View, pause, question
from tests.telegram_server import BotAccount, Fault, Group, Limits, Person, TelegramServer, Topic

TOKEN = "7300000001:canary-of-the-token-AAE4f6s"
SECRET = "canary-of-the-webhook-7Jk2"
PRIVATE, GROUPS, TOPICS = 6, 2, 2
THINK_S: Mapping[Mode, float] = {"polling": 0.8, "webhook": 0.6}  # about ten updates for each life
SHOWING = {"sendMessage", "editMessageText", "sendMessageDraft", "sendChatAction", "deleteMessage"}
POISON = (
    {"message": {"message_id": "seven", "chat": 5}},
    {"message": {"message_id": 7, "date": -1, "chat": {"id": "x", "type": "private"}}},
    {"hologram": {"id": 1, "from": {"id": 5}}},
    {"callback_query": {"id": 5}},
)


@dataclass
class Walker:
    """A customer in one chat."""

    name: str
    person: Person
    to: Group | None
    topic: Topic | None
    chat: str
    said: int = 0


class TelegramStreet:
    """`private` people write in private, others in groups and in topics."""

    def __init__(self, seed: int, mode: Mode, *, private: int = PRIVATE) -> None:
        self.ledger = Ledger()
        self.secrets = (TOKEN, SECRET)
        self._mode = mode
        self._private = private
        self._dice = random.Random(f"{seed} {mode}")
        self.server = TelegramServer(Limits.none(), latency=lambda: 0.003)
        self.walkers: list[Walker] = []
        self._stormy = False
        self.bot: BotAccount

    async def open(self) -> None:
        await self.server.__aenter__()
        self.bot = self.server.add_bot(token=TOKEN)
        people = [self.server.add_user(f"Customer {number}") for number in range(self._private + GROUPS + TOPICS)]
        for number, person in enumerate(people[: self._private]):
            self.walkers.append(Walker(f"p{number}", person, None, None, str(person.id)))
            self.ledger.at_least_once.add(str(person.id))
        for number in range(self._private, self._private + GROUPS):
            group = self.server.add_group(f"Group {number}", people[number], bots=[self.bot], supergroup=number % 2 == 0)
            self.walkers.append(Walker(f"g{number}", people[number], group, None, str(group.id)))
        members = people[self._private + GROUPS :]
        forum = self.server.add_group("Forum", *members, bots=[self.bot], forum=True)
        for number, person in enumerate(members, self._private + GROUPS):
            topic = forum.open_topic(f"Topic {number}")
            self.walkers.append(Walker(f"g{number}", person, forum, topic, f"{forum.id}/{topic.thread_id}"))
        self.bot.queue.clear()
        self.server.fault = self._fault

    async def close(self) -> None:
        await self.server.__aexit__(None, None, None)

    def settings(self, mode: Mode, port: int) -> dict[str, str]:
        told = {"telegram__main__token": TOKEN, "telegram__main__api_base": self.server.url, "telegram__main__mode": mode}
        if mode == "webhook":
            told |= {"telegram__main__webhook_url": f"http://127.0.0.1:{port}", "telegram__main__webhook_secret": SECRET}
        return told

    async def ready(self) -> None:
        """Nothing to wait for: Telegram keeps what it is told."""

    async def first_words(self) -> int:
        for walker in self.walkers:
            self.say(walker)
        return len(self.walkers)

    async def walk(self, closing: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for walker in self.walkers:
                tasks.create_task(self._talk(walker, closing))

    async def _talk(self, walker: Walker, closing: asyncio.Event) -> None:
        dice = random.Random(f"{self._dice.random()} {walker.name}")
        while not closing.is_set():
            draw = dice.random()
            if draw < 0.03:
                self._command(walker, "/stop" if dice.random() < 0.7 else "/new")
            elif draw < 0.07:
                self._press(walker, dice)
            elif draw < 0.085:
                self.inject(dice.randrange(len(POISON)))
            for _ in range(dice.randint(2, 3) if dice.random() < 0.25 else 1):
                self.say(walker)
                await pause(closing, dice.random() * 0.06)
            await pause(closing, dice.random() * 2 * THINK_S[self._mode])

    def say(self, walker: Walker) -> str:
        """A question of theirs; its token."""
        walker.said += 1
        token = f"{walker.name}.{walker.said}"
        text = question(token, self._dice)
        addressed = f"@{self.bot.username} {text}" if walker.to else text
        walker.person.say(addressed, to=walker.to, topic=walker.topic)
        self.ledger.wrote(token, walker.chat)
        return token

    def _command(self, walker: Walker, command: str) -> None:
        walker.person.say(f"{command}@{self.bot.username}" if walker.to else command, to=walker.to, topic=walker.topic)
        self.ledger.controls += 1

    def _press(self, walker: Walker, dice: random.Random) -> None:
        thread_id = walker.topic.thread_id if walker.topic else None
        chat_id = walker.to.id if walker.to else walker.person.id
        shown = [one for one in self.server.messages_on_show(chat_id, thread_id) if one.markup]
        if shown:
            rows = (shown[-1].markup or {})["inline_keyboard"]
            walker.person.press(shown[-1], dice.choice(rows[0])["callback_data"])
            self.ledger.controls += 1

    def inject(self, kind: int) -> None:
        """An update that nobody can read, one of four kinds."""
        self.server.inject_update(POISON[kind % len(POISON)])
        self.ledger.poison += 1

    # trouble

    async def storm(self) -> None:
        self._stormy = True
        kinds: list[Callable[[], None]] = [self._renumber, self.server.cut_connections]
        if self._mode == "polling":
            kinds += [self._repeat, self._repeat, self._swap]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            while True:
                await asyncio.sleep(0.2 + self._dice.random() * 1.2)
                if self._mode == "webhook" and self._dice.random() < 0.4:
                    await self._replay(http)
                    continue
                kind = self._dice.choice(kinds)
                self.ledger.troubles[kind.__name__.strip("_")] += 1
                kind()

    def calm(self) -> None:
        self._stormy = False

    def hurry(self) -> None:
        hook = self.server.reception(self.bot).webhook
        if hook is not None:
            hook.hurry()

    def _repeat(self) -> None:
        """An update that was confirmed comes again, by polling."""
        with contextlib.suppress(StopIteration):  # nothing was confirmed yet
            self.server.repeat_update()

    async def _replay(self, http: aiohttp.ClientSession) -> None:
        """An update that was confirmed is posted again, as after an answer that got lost."""
        hook = self.server.reception(self.bot).webhook
        try:
            event = self.bot.queue.repeat()
        except StopIteration:
            return
        if hook is None:
            return
        self.ledger.troubles["replay"] += 1
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": SECRET}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with http.post(hook.url, data=event.encoded(), headers=headers) as response:
                await response.read()

    def _swap(self) -> None:
        """Fresh messages in another order. Only what was never handed out: an id once seen keeps its content."""
        if self._mode == "polling" and not self.server.pending_updates():
            chosen = self._dice.sample(self.walkers, 3)
            self.ledger.swapped.update([self.say(walker) for walker in chosen for _ in range(2)])
            self.server.shuffle_updates(self._dice.randrange(1 << 30))

    def _renumber(self) -> None:
        """As after a quiet week: nothing waits, and the next number is a random one."""
        if not self.server.pending_updates():
            self.server.renumber_updates()

    def _fault(self, method: str, _chat_id: int | None) -> Fault | None:
        if not self._stormy:
            return None
        draw = self._dice.random()
        if method in SHOWING and draw < 0.06:
            return self._dice.choice(_ON_SHOWING)
        if method in {"getUpdates", "setWebhook", "getMe"} and draw < 0.03:
            return self._dice.choice(_ON_ASKING)
        return None

    # what came of it

    def open_ends(self) -> int:
        return self.server.pending_updates()

    def view(self) -> View:
        sights = [
            Sight(one.at, _label(one.chat_id, one.thread_id), one.text)
            for one in self.server.log
            if one.what in {"sent", "edited"}
        ]
        standing: dict[str, list[str]] = {}
        for chat_id in {walker.to.id if walker.to else walker.person.id for walker in self.walkers}:
            for message in self.server.messages_on_show(chat_id):
                standing.setdefault(_label(chat_id, message.thread_id), []).append(message.text)
        self.ledger.troubles.update({f"calls {name}": times for name, times in self.server.troubled.items()})
        self.ledger.troubles["broken limits"] += self.server.broken_limits
        return View(sights, standing)


def _label(chat_id: int, thread_id: int | None) -> str:
    return f"{chat_id}/{thread_id}" if thread_id else str(chat_id)


_ON_SHOWING = (
    Fault.limit(1),
    Fault.error(502),
    Fault.error(500, done=True),
    Fault.reset(),
    Fault.lost_answer(),
    Fault.lost_answer(),
    Fault.html(),
    Fault.truncated(),
    Fault.slow(0.3),
    Fault.hang(2.0, done=True),
)
_ON_ASKING = (Fault.error(502), Fault.reset(), Fault.lost_answer(), Fault.html(), Fault.truncated())
