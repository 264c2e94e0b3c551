"""Which places may move their cursor: a gap that was not read must survive a crash, and order must survive the gap."""

from datetime import UTC, datetime

import pytest

from adapters.discord.cursors import Progress, thinned
from adapters.discord.translate import PLACE_BEGUN
from bot.events import AccountKey, Author, ChannelAddress, Cursor, Event, MessageDeleted, MessageReceived, Received, Skipped

KEY = AccountKey("discord", "main")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT = ChannelAddress("discord", "main", "p")


def everywhere(_place: str) -> bool:
    return True


def message(number: int, place: str = "p", event: Event | Skipped | None = None) -> Received:
    said = event or MessageReceived(AT, Author("1"), "hi", NOW, str(number))
    return Received(KEY, f"m{number}", b"{}", said, Cursor(place, str(number)))


def skipped(number: int, place: str = "p") -> Received:
    return message(number, place, Skipped("not_addressed"))


def loaded(**positions: str) -> Progress:
    progress = Progress()
    progress.load(positions, everywhere)
    return progress


def current(*places: str) -> Progress:
    """Places without a gap."""
    progress = loaded(**dict.fromkeys(places, "1"))
    for place in places:
        assert progress.caught_up(place) == []
    return progress


def position(received: Received | None) -> str | None:
    return received.cursor.position if received is not None and received.cursor is not None else None


@pytest.mark.parametrize(
    ("progress", "received", "expected"),
    [
        # a message for the bot moves the cursor of its place, known or new
        (current("p"), message(5), "5"),
        (current(), message(5), "5"),
        # skipped ones move it only where the bot reads anyway
        (current("p"), skipped(5), "5"),
        (current(), skipped(5), None),
        # a thread that is to be opened gets its first cursor, once
        (current(), message(5, "t", PLACE_BEGUN), "5"),
        (current("t"), message(5, "t", PLACE_BEGUN), None),
    ],
)
def test_where_nothing_is_missing_a_live_update_moves_the_cursor(
    progress: Progress, received: Received, expected: str | None
) -> None:
    assert position(progress.admit("p", received)) == expected


def test_before_the_positions_were_read_everything_is_held() -> None:
    progress = Progress()
    assert progress.admit("new", message(5, "new")) is None
    assert progress.load({}, everywhere) == [("new", message(5, "new"))]


def test_a_new_session_freezes_every_place_until_the_positions_were_read_again() -> None:
    progress = current("p")
    progress.freeze()
    assert progress.admit("p", message(5)) is None
    assert progress.load({"p": "4"}, everywhere) == []
    assert progress.position("p") == "4"
    assert progress.caught_up("p") == [message(5)]


def test_live_updates_of_a_place_with_a_gap_come_after_what_history_shows_and_in_order() -> None:
    progress = loaded(p="1")
    deleted = Received(KEY, "d5", b"{}", MessageDeleted(AT, NOW, "5"))
    for one in (message(5), deleted, skipped(6)):
        assert progress.admit("p", one) is None
    progress.read_through("p", "5")
    assert progress.position("p") == "5"
    assert progress.caught_up("p") == [message(5), deleted, skipped(6)]
    assert position(progress.admit("p", message(7))) == "7"


def test_places_for_which_updates_wait_are_read_first() -> None:
    progress = loaded(a="1", b="1", c="1")
    progress.admit("b", message(5, "b"))
    assert progress.next_gap(set()) == "b"
    assert progress.next_gap({"b"}) == "a"
    assert progress.next_gap({"a", "b", "c"}) is None


def test_what_finds_no_room_is_read_again_from_history() -> None:
    progress = Progress(most_held=1)
    progress.load({"p": "1"}, everywhere)
    for number in (5, 6, 7):
        progress.admit("p", message(number))
    progress.read_through("p", "7")
    assert progress.caught_up("p") is None  # 6 and 7 were dropped: once more
    assert progress.position("p") == "5"
    assert progress.caught_up("p") == [message(5)]
    assert progress.lost == 0


def test_what_no_history_shows_is_counted_when_it_finds_no_room() -> None:
    progress = Progress(most_held=0)
    progress.admit("p", Received(KEY, "d5", b"{}", MessageDeleted(AT, NOW, "5")))
    assert progress.lost == 1


def test_a_full_line_leaves_a_gap_even_in_a_place_that_was_never_read() -> None:
    progress = current()
    progress.miss("new", message(5, "new"))
    assert progress.admit("new", message(6, "new")) is None
    progress.load({}, everywhere)
    assert progress.position("new") == "4"


def test_a_gap_begins_no_later_than_where_the_store_is() -> None:
    progress = current("p")
    progress.miss("p", message(9))
    progress.load({"p": "7"}, everywhere)
    assert progress.position("p") == "7"


def test_places_of_other_shards_keep_going() -> None:
    progress = Progress()
    progress.load({"mine": "1", "theirs": "1"}, lambda place: place == "mine")
    assert progress.is_behind("mine")
    assert position(progress.admit("theirs", message(5, "theirs"))) == "5"


def test_a_place_that_is_gone_is_dropped_and_what_was_held_goes_on() -> None:
    progress = loaded(p="1")
    progress.admit("p", message(5))
    progress.miss("p", message(6))
    assert progress.caught_up("p", exists=False) == [message(5)]
    assert progress.gaps == 0


def test_the_memory_of_places_is_bounded() -> None:
    progress = Progress(most_known=2)
    progress.load({"a": "1", "b": "1", "c": "1"}, lambda _: False)
    assert [progress.knows(place) for place in "abc"] == [False, True, True]


def test_of_many_skipped_messages_only_the_last_of_a_place_moves_the_cursor() -> None:
    batch = [skipped(1), message(2), skipped(3), skipped(4, "q"), skipped(5)]
    assert [position(one) for one in thinned(batch)] == [None, "2", None, "4", "5"]
