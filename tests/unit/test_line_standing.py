"""Places in line and their times come from looks at the line alone: processes agree, and promise nothing false."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from bot.conversation.standing import Pace, in_words, standings
from bot.store.ids import AddressId, ConversationId, WorkspaceId
from bot.store.line import Question

START = datetime(2026, 1, 1, tzinfo=UTC)


def question(number: int, *, route: str = "", answering: bool = False, now_s: float = 100.0) -> Question:
    """The one asked `number` seconds after the start."""
    named = ConversationId(f"c{number}")
    since, now = START + timedelta(seconds=number), START + timedelta(seconds=now_s)
    return Question(WorkspaceId("w"), named, AddressId(f"a{number}"), route, 1, since, now, answering, False)


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("1 2 3", "1 2 3"),
        ("1* 2* 3 4", "3:1 4:2"),  # those being answered are not in line
        ("1 2 3 4t", "1:1+1 2:2+1 3:3+1 4t:1+1"),  # the quiet account has its turn before the busy one's second
        ("1t 2t 3t 4u 5", "1t:3 2t:4 3t:5 4u:3 5:3"),
        ("", ""),
    ],
)
def test_a_place_counts_who_goes_first(line: str, places: str) -> None:
    front = [question(int(one[0]), route=one[1:].strip("*"), answering="*" in one) for one in line.split()]
    wanted = {}
    for number, one in enumerate(places.split()):
        name, _, place = one.partition(":")
        wanted[f"c{name[0]}"] = sum(map(int, (place or str(number + 1)).split("+")))
    found = standings(front, rate=0.5)
    assert {name: standing.place for name, standing in found.items()} == wanted
    assert all(standing.wait_s == standing.place * 2 for standing in found.values())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "10 seconds"),
        (11, "20 seconds"),
        (50, "50 seconds"),
        (51, "1 minute"),
        (61, "2 minutes"),
        (5400, "90 minutes"),
        (5401, "2 hours"),
    ],
)
def test_times_are_rounded_up(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


class Desk:
    """Two slots, answers of four seconds, and a line that grows faster."""

    def __init__(self, seed: int) -> None:
        print("seed", seed)
        self._dice = random.Random(seed)
        self.now = 0.0
        self._open: list[int] = []
        self._ends: list[tuple[float, int]] = []
        self.away = False
        self._asked = 0

    def front(self) -> list[Question]:
        busy = {number for _, number in self._ends}
        return [question(one, answering=one in busy, now_s=self.now + 10_000) for one in self._open]

    def pass_time(self, seconds: float, *, asked_a_second: float = 1.0) -> None:
        for _ in range(int(seconds * 10)):
            self.now += 0.1
            if self._dice.random() < asked_a_second / 10:
                self._asked += 1
                self._open.append(self._asked)
            for end in [end for end in self._ends if end[0] <= self.now and not self.away]:
                self._ends.remove(end)
                self._open.remove(end[1])
            waiting = [one for one in self._open if one not in {number for _, number in self._ends}]
            for one in waiting[: 2 - len(self._ends)]:
                self._ends.append((self.now + 4 * self._dice.uniform(0.7, 1.3), one))


@pytest.mark.parametrize("seed", range(5))
def test_processes_that_look_at_the_same_line_find_the_same_pace(seed: int) -> None:
    desk, paces = Desk(seed), [Pace(answer_within_s=1e6) for _ in range(3)]
    rates: list[float | None] = [None] * 3
    for _ in range(60):
        for number, pace in enumerate(paces):
            desk.pass_time(0.7)
            rates[number] = pace.look(desk.now, desk.front())
    assert all(rate is not None and 0.4 <= rate <= 0.6 for rate in rates), rates


def test_answers_to_single_questions_say_nothing_of_the_pace_and_a_node_that_is_away_has_none() -> None:
    desk, pace = Desk(1), Pace(answer_within_s=1e6)
    for _ in range(50):
        desk.pass_time(2, asked_a_second=0.02)
        assert pace.look(desk.now, desk.front()) is None
    for _ in range(30):
        desk.pass_time(2)
        rate = pace.look(desk.now, desk.front())
    assert rate is not None
    desk.away = True
    for _ in range(8):
        desk.pass_time(2)
        rate = pace.look(desk.now, desk.front())
    assert rate is None, "a time was promised while nothing is answered"


def test_questions_that_end_without_an_answer_are_no_answers() -> None:
    pace = Pace(answer_within_s=900)
    for look in range(20):
        assert pace.look(look * 2.0, [question(number, now_s=895 + number) for number in range(look * 3, 100)]) is None
