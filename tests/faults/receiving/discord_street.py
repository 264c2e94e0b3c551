"""The stand-in for Discord with its customers: in direct messages, and in threads that begin with a mention in a channel."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.discord_server import (
    CREATE_MESSAGE,
    EDIT_MESSAGE,
    EVERYONE,
    READ_MESSAGES,
    Application,
    Channel,
    DiscordServer,
    Fault,
    Interaction,
    Limits,
    Person,
    Rate,
)
from tests.discord_server.limits import buckets
from tests.faults.receiving.points import Mode
from tests.faults.receiving.street import Ledger, Sight, View, pause, question

TOKEN = "canary-of-the-discord-token.GhXw2k"
DIRECT, THREADED = 6, 4
THINK_S = 0.4
NONCE_WINDOW_S = 5.0  # a little longer than what the lives believe (`arrows`)
STRANGER = "a stranger's first direct message"
FREE = Rate(100_000, 1.0)
LIMITS = Limits(
    buckets=dict.fromkeys(buckets(), FREE),
    requests_a_second=100_000,
    invalid_answers=1_000_000,
    nonce_window=NONCE_WINDOW_S,
    identify_interval=0.0,
    identifies_a_day=1_000_000,
)
THREADS = ("POST", "/channels/{channel_id}/messages/{message_id}/threads")


@dataclass
class Walker:
    """A customer; `place` is where they write, and in the shop's channel a mention begins another thread."""

    name: str
    person: Person
    place: Channel | None
    begun: int = 0
    said: int = 0
    chats: list[str] = field(default_factory=list)


class DiscordStreet:
    """`direct` people write direct messages, others in threads."""

    def __init__(self, seed: int, *, direct: int = DIRECT) -> None:
        self._direct = direct
        self.ledger = Ledger(losable_controls=True, losable_poison=True)
        self.secrets = (TOKEN,)
        self._dice = random.Random(f"{seed} gateway")
        self.server = DiscordServer(LIMITS)
        self.walkers: list[Walker] = []
        self._strangers = 0
        self._pressed: list[Interaction] = []
        self._stormy = False
        self._ahead_s = time.time() - time.monotonic()
        self.bot: Application
        self.shop: Channel

    async def open(self) -> None:
        await self.server.__aenter__()
        self.bot = self.server.application(TOKEN)
        guild = self.guild = self.server.world.guild("Shop", permissions=EVERYONE)
        self.server.world.invite(guild, self.bot)
        self.shop = self.server.world.text_channel(guild, "help")
        for number in range(self._direct):
            person = self.server.person(f"customer {number}")
            self.walkers.append(Walker(f"d{number}", person, person.dm(self.bot)))
        for number in range(self._direct, self._direct + THREADED):
            person = self.server.person(f"customer {number}")
            person.join(guild)
            self.walkers.append(Walker(f"g{number}", person, None))
        self.server.fault = self._fault

    async def close(self) -> None:
        await self.server.__aexit__(None, None, None)

    def settings(self, mode: Mode, port: int) -> dict[str, str]:
        assert mode == "gateway"
        assert port
        return {
            "discord__main__token": TOKEN,
            "discord__main__api_base": self.server.api_base,
            "discord__main__gateway_url": self.server.gateway_url,
        }

    async def ready(self) -> None:
        """The bot is there: who writes to it for the first time before that is not heard."""
        await self.server.wait_connected(self.bot)

    async def first_words(self) -> int:
        await self.ready()
        for walker in self.walkers:
            self.say(walker)
        return len(self.walkers)

    async def walk(self, closing: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for walker in self.walkers:
                tasks.create_task(self._talk(walker, closing))
            tasks.create_task(self._arrivals(closing))

    async def _talk(self, walker: Walker, closing: asyncio.Event) -> None:
        dice = random.Random(f"{self._dice.random()} {walker.name}")
        while not closing.is_set():
            draw = dice.random()
            if draw < 0.04:
                self.press(walker)
            elif draw < 0.055:
                self._inject(dice)
            elif draw < 0.25 and walker.begun:
                walker.begun, walker.place = 0, None  # another matter: a new thread
            for _ in range(dice.randint(2, 3) if dice.random() < 0.25 else 1):
                self.say(walker)
                await pause(closing, dice.random() * 0.06)
            await pause(closing, dice.random() * 2 * THINK_S)

    async def _arrivals(self, closing: asyncio.Event) -> None:
        """Now and then somebody writes for the first time: whether a gap swallows that is up to chance."""
        while not closing.is_set():
            await pause(closing, 0.8 + self._dice.random() * 2)
            self._strangers += 1
            person = self.server.person(f"stranger {self._strangers}")
            token = f"d{1000 + self._strangers}.1"
            self.ledger.losable[token] = STRANGER
            place = person.dm(self.bot)
            person.say(place, question(token, self._dice))
            self.ledger.wrote(token, str(place.id))

    def say(self, walker: Walker) -> None:
        """A question of theirs, unless their thread is not there yet."""
        if walker.begun and walker.place is None:
            walker.place = self.server.world.channels.get(walker.begun)
            if walker.place is None:
                return  # the bot has not opened the thread yet
        token = f"{walker.name}.{walker.said + 1}"
        text = question(token, self._dice)
        if walker.place is None:
            message = walker.person.say(self.shop, f"{self.bot.mention} {text}")
            walker.begun = message.id
            chat = f"{message.id}/{self.shop.id}"
        else:
            walker.person.say(walker.place, text)
            chat = f"{walker.place.id}/{self.shop.id}" if walker.begun else str(walker.place.id)
        walker.said += 1
        self.ledger.wrote(token, chat)

    def press(self, walker: Walker) -> Interaction | None:
        """A button under the latest answer that they see, if there is one."""
        shown = [walker.place.messages[one] for one in walker.place.order[-6:]] if walker.place else []
        ours = [one for one in shown if one.author.bot and len(one.buttons) > 1]
        if not ours:
            return None
        self.ledger.controls += 1
        self._pressed.append(walker.person.press(ours[-1], self._dice.choice(ours[-1].buttons)))
        return self._pressed[-1]

    def _inject(self, dice: random.Random) -> None:
        poison = dice.choice(({"id": "x", "channel_id": 7}, {"id": [], "content": 3}, {"channel_id": "1", "content": "no id"}))
        marked = {**poison, "nonce": f"{dice.random()}"}
        self.server.world.events.to(self.bot, "MESSAGE_CREATE", marked, None)
        self.ledger.poison += 1

    # trouble

    async def storm(self) -> None:
        self._stormy = True
        gateway = self.server.gateway
        kinds: dict[str, Callable[[], None]] = {
            "closed": lambda: gateway.close(self._dice.choice((4000, 1001))),
            "cut": gateway.kill,
            "asked to reconnect": gateway.reconnect,
            "session invalid": gateway.invalidate,
            "session forgotten": lambda: (gateway.end_sessions(), gateway.kill())[0],
            "events twice": lambda: gateway.repeat_next(self.bot, times=3),
        }
        while True:
            await asyncio.sleep(0.5 + self._dice.random() * 2)
            kind = self._dice.choice(list(kinds))
            self.ledger.troubles[kind] += 1
            kinds[kind]()

    def calm(self) -> None:
        self._stormy = False
        self.server.faults.clear()

    def hurry(self) -> None:
        """Discord tries nothing again."""

    def _fault(self, method: str, route: str) -> Fault | None:
        if not self._stormy:
            return None
        draw = self._dice.random()
        if (method, route) in (CREATE_MESSAGE, EDIT_MESSAGE, THREADS) and draw < 0.06:
            return self._dice.choice(_ON_SHOWING)
        if (method, route) == READ_MESSAGES and draw < 0.2:
            return self._dice.choice(_ON_READING)
        return None

    # what came of it

    def open_ends(self) -> int:
        """Discord keeps nothing for a bot: what it must read for itself shows in the record."""
        return 0

    def view(self) -> View:
        sights = [
            Sight(one.at - self._ahead_s, self._label(one.channel_id), one.text)
            for one in self.server.log
            if one.bot and one.what in {"sent", "edited"} and not one.ephemeral
        ]
        standing = {}
        for place in self.server.world.channels.values():
            ours = [place.messages[one] for one in place.order if place.messages[one].author.bot]
            if texts := [one.content for one in ours if one.content]:
                standing[self._label(place.id)] = texts
        self.ledger.controls_taken = sum(one.responded for one in self._pressed)
        self.ledger.troubles["faults met"] += self.server.faults.met
        self.ledger.troubles["broken limits"] += self.server.broken_limits
        return View(sights, standing)

    def _label(self, channel_id: int) -> str:
        place = self.server.world.channels.get(channel_id)
        return f"{channel_id}/{place.parent.id}" if place is not None and place.parent is not None else str(channel_id)


_ON_SHOWING = (
    Fault.error(500),
    Fault.error(503),
    Fault.error(502, accepted=True),
    Fault.reset(),
    Fault.reset(accepted=True),
    Fault.dropped(),
    Fault.dropped(),
    Fault.garbled(),
    Fault.limited(0.5),
    Fault.slow(0.3),
    Fault.hang(accepted=True),
)
_ON_READING = (*[Fault.slow(0.25)] * 8, Fault.error(500), Fault.reset(), Fault.limited(0.3), Fault.garbled())
