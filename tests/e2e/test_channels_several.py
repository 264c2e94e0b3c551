"""Several bots of both kinds in one process: each hears and answers for itself, and one that is refused holds up nobody."""

from pathlib import Path

from tests.e2e.channels import PATIENCE_S, street


async def test_several_bots_of_both_kinds_answer_each_for_itself(tmp_path: Path) -> None:
    async with street(tmp_path) as shop:
        other_bot = shop.telegram.add_bot("Other")
        other_app = shop.discord.application("another-token", name="Other")
        shop.write(
            extra=f"""
[telegram.other]
token = '{other_bot.token}'
api_base = '{shop.telegram.url}'
[discord.other]
token = '{other_app.token}'
api_base = '{shop.discord.api_base}'
gateway_url = '{shop.discord.gateway_url}'
[telegram.revoked]
token = '1:revoked'
api_base = '{shop.telegram.url}'
"""
        )
        ann, bob = shop.telegram.add_user("Ann"), shop.discord.person("bob")
        async with shop.open() as instance:
            await shop.discord.wait_connected(other_app)
            for bot in (shop.bot, other_bot):
                ann.say(f"to {bot.username}", to=bot)
                answer = f"You said: to {bot.username}"
                await shop.telegram.wait_until(lambda b=bot, a=answer: shop.telegram.on_show(ann.id, bot=b) == [a], PATIENCE_S)
            for app in (shop.app, other_app):
                dm = bob.dm(app)
                bob.say(dm, f"to {app.id}")
                answer = f"You said: to {app.id}"
                await shop.discord.wait_until(lambda d=dm, a=answer: a in shop.discord.on_show(d), PATIENCE_S)
            instance.process.terminate()
            assert await instance.ended() == 0
            told = [line for line in (await instance.errors()).splitlines() if "token_refused" in line]
        assert len(told) == 1
        assert "revoked" in told[0]
        assert "1:revoked" not in told[0]
