"""The short form of the kills between a platform and its answer: a few deaths for each way of receiving, from a seed that is new
each time and printed. And the oracle can fail: guarantees broken one at a time each turn a run red (those of Discord in
`test_channel_discord`).
"""

import random
from pathlib import Path

import pytest

from tests.faults.oracle import Verdict
from tests.faults.receiving import report
from tests.faults.receiving.crowd import Crowd
from tests.faults.receiving.oracle import no_secret
from tests.faults.receiving.order import Order
from tests.faults.receiving.points import MODES, POINTS, Mode
from tests.faults.receiving.run import Run
from tests.faults.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
SEED = random.SystemRandom().randrange(1_000_000)
KILLS = 9  # and that of the first life


@pytest.mark.parametrize("mode", MODES)
async def test_no_death_loses_repeats_or_reorders_what_a_platform_told(mode: Mode, town: Town, tmp_path: Path) -> None:
    points = random.Random(f"{SEED} {mode}").sample(sorted(set(POINTS[mode])), KILLS)
    outcome = await Run(Order(SEED, mode, points), town, tmp_path).go()
    entry = report.entry(outcome)
    print(*report.lines(entry), sep="\n")
    assert entry["kills"] > KILLS
    assert entry["updates"] > 0
    assert outcome.verdict.clean, (SEED, entry["sentences"])


@pytest.mark.parametrize(
    ("mode", "mutant", "point", "broken"),
    [
        ("polling", "offset_early", "receiving.take:before", "lost"),  # acknowledged as handed over, then it dies
        ("polling", "acknowledge_early", "acknowledge:during", "lost"),  # acknowledged before the commit, then it dies
        ("webhook", "answer_early", "hook:answered", "lost"),  # answered 200 before the commit, then it dies
        ("webhook", "no_dedup", "hook:after", "duplicated"),  # stored, and nobody heard the 200: it is posted again
    ],
)
async def test_a_broken_guarantee_turns_a_run_red(
    mode: Mode, mutant: str, point: str, broken: str, town: Town, tmp_path: Path
) -> None:
    outcome = await Run(Order(7, mode, [point] * 3, mutant=mutant, storm=False, peace_s=4), town, tmp_path).go()
    assert outcome.fired[point]
    assert outcome.verdict.broken[broken], outcome.verdict.broken


@pytest.mark.parametrize(
    ("mode", "points"),
    [
        ("polling", ("receiving.take:before", "acknowledge:during")),
        ("webhook", ("hook:answered", "hook:after")),
        ("gateway", ("history:after", "channel.send:after")),
    ],
)
async def test_the_same_deaths_are_survived_unbroken(mode: Mode, points: tuple[str, ...], town: Town, tmp_path: Path) -> None:
    outcome = await Run(Order(7, mode, points * 2, storm=False), town, tmp_path).go()
    assert outcome.verdict.clean, outcome.verdict.broken


@pytest.mark.parametrize("mode", MODES)
async def test_quick_messages_of_many_people_keep_their_order(mode: Mode, town: Town, tmp_path: Path) -> None:
    outcome = await Crowd(mode, town, tmp_path, chats=40, each=10).go()
    assert outcome.updates == 400
    assert outcome.verdict.clean, outcome.verdict.broken


async def test_a_token_in_a_log_turns_a_run_red(tmp_path: Path) -> None:
    log, verdict = tmp_path / "lives.log", Verdict()
    no_secret(verdict, ["77:canary"], log)
    assert verdict.clean
    log.write_text('{"event": "failed", "url": "https://api.telegram.org/bot77:canary/getMe"}\n')
    no_secret(verdict, ["77:canary"], log)
    assert len(verdict.broken["errors"]) == 1
