"""Two processes with the same accounts on PostgreSQL: one polls and holds the gateway; the other takes over from a dead one."""

from pathlib import Path

import sqlalchemy as sa

from tests.e2e.channels import PATIENCE_S, Street, street
from tests.e2e.instance import Instance


def settle(shop: Street, postgres_url: str) -> None:
    url = sa.make_url(postgres_url).render_as_string(hide_password=False)
    folder = shop.config.parent
    shop.write(extra=f"[database]\nurl = '{url}'\nlease_s = 4\n[security]\nsecret_file = '{folder}/secret'\n")


async def test_an_account_is_taken_over_from_a_killed_process_and_never_served_twice(tmp_path: Path, postgres_url: str) -> None:
    async with street(tmp_path) as shop:
        settle(shop, postgres_url)
        ann, bob = shop.telegram.add_user("Ann"), shop.discord.person("bob")
        dm = bob.dm(shop.app)
        first = await Instance.start(shop.config)
        second: Instance | None = None
        try:
            await first.ready()
            await shop.discord.wait_connected(shop.app)
            ann.say("one")
            await shop.telegram.seen("You said: one", ann.id, PATIENCE_S)
            bob.say(dm, "one")
            await shop.discord.wait_until(lambda: "You said: one" in shop.discord.on_show(dm), PATIENCE_S)
            second = await Instance.start(shop.config)
            await second.ready()
            first.process.kill()
            await first.ended()
            ann.say("two")
            bob.say(dm, "two")
            await shop.telegram.seen("You said: two", ann.id, PATIENCE_S)
            await shop.discord.wait_until(lambda: "You said: two" in shop.discord.on_show(dm), PATIENCE_S)
        finally:
            for instance in filter(None, (first, second)):
                await instance.end()
        assert shop.telegram.on_show(ann.id) == ["You said: one", "You said: two"]
        assert shop.discord.on_show(dm) == ["one", "You said: one", "two", "You said: two"]
        assert not [said for said in shop.telegram.refused if "terminated by other getUpdates" in said]
