"""Both platforms and the web at once, through kills of the process and disconnects of the platforms."""

import asyncio
import random
import sqlite3
from collections import Counter
from pathlib import Path

import aiohttp

from tests.e2e.channels import Street, street
from tests.e2e.instance import Customer, Instance

USERS = 50
ROUNDS = 3
ALL_S = 90.0


class Crowd:
    """Fifty people on each platform and on the web; each writes once in each round, when the answer before is there."""

    def __init__(self, shop: Street) -> None:
        self.shop = shop
        self.telegram = {f"tg{n}": shop.telegram.add_user(f"T{n}") for n in range(USERS)}
        people = {f"dc{n}": shop.discord.person(f"d{n}") for n in range(USERS)}
        self.discord = {name: (person, person.dm(shop.app)) for name, person in people.items()}

    def write(self, number: int) -> None:
        for name, person in self.telegram.items():
            person.say(f"{name} asks {number}")
        for name, (writer, dm) in self.discord.items():
            writer.say(dm, f"{name} asks {number}")

    def missing(self, number: int) -> list[str]:
        """Those on the platforms who do not see the answer of that round yet."""
        everybody = (*self.telegram, *self.discord)
        return [name for name in everybody if f"You said: {name} asks {number}" not in self.answers(name)]

    def answers(self, name: str) -> list[str]:
        """What one of them reads from the bot, oldest first."""
        if name in self.telegram:
            return self.shop.telegram.on_show(self.telegram[name].id)
        return [text for text in self.shop.discord.on_show(self.discord[name][1]) if text.startswith(("You said", "…"))]


async def web_visits(link: str, http: aiohttp.ClientSession) -> list[Customer]:
    visits = [Customer(http, link) for _ in range(USERS)]
    for visit in visits:
        await visit.arrive()
    return visits


async def test_fifty_people_on_each_channel_are_answered_in_order_through_kills_and_disconnects(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with street(tmp_path) as shop, aiohttp.ClientSession() as http:
        shop.write(port=free_port())
        shop.node.behaviour.pace_s = 0.02
        crowd = Crowd(shop)
        instance = await begun(shop)
        try:
            await shop.discord.wait_connected(shop.app)  # what a stranger's first word meets a gap in, no history gives back
            visits = await web_visits(instance.said[-1].split()[-1], http)
            for number in range(ROUNDS):
                crowd.write(number)
                for at, visit in enumerate(visits):
                    await visit.say(f"w{at}-{number}", f"web{at} asks {number}")
                if number > 0:
                    await asyncio.sleep(chance.uniform(0.1, 0.8))  # the moment of the blow is what is drawn
                    instance = await struck(shop, instance)
                await everybody_sees(crowd, number)
            for at, visit in enumerate(visits):
                turns = await visit.until_answered(f"You said: web{at} asks {ROUNDS - 1}")
                assert [text for role, text in turns if role == "bot"] == [f"You said: web{at} asks {n}" for n in range(ROUNDS)]
        finally:
            await instance.end()
        check(shop, crowd)


async def struck(shop: Street, instance: Instance) -> Instance:
    """Both platforms hang up and the process dies; the next one."""
    shop.telegram.cut_connections()
    shop.discord.gateway.kill()
    instance.process.kill()
    await instance.end()
    return await begun(shop)


async def everybody_sees(crowd: Crowd, number: int) -> None:
    until = asyncio.get_running_loop().time() + ALL_S
    while missing := crowd.missing(number):
        assert asyncio.get_running_loop().time() < until, f"no answer to round {number} for {missing}"
        await asyncio.sleep(0.05)


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def begun(shop: Street) -> Instance:
    instance = await Instance.start(shop.config)
    await instance.ready()
    return instance


def check(shop: Street, crowd: Crowd) -> None:
    repeats = 0
    for name in (*crowd.telegram, *crowd.discord):
        wanted = [f"You said: {name} asks {number}" for number in range(ROUNDS)]
        seen = crowd.answers(name)
        once = list(dict.fromkeys(seen))
        assert once == wanted, name
        repeats += len(seen) - len(once)
        assert name in crowd.telegram or len(seen) == len(once), f"{name} was told twice"
    with sqlite3.connect(shop.config.parent / "frontdesk.db") as database:
        counted = database.execute("SELECT coalesce(sum(repeats), 0) FROM outbox").fetchone()[0]
        turns = Counter(text for (text,) in database.execute("SELECT text FROM turn WHERE role = 'customer'"))
    assert repeats <= counted, "a repeat that nobody counted"
    assert set(turns.values()) == {1}
    assert len(turns) == 3 * USERS * ROUNDS
