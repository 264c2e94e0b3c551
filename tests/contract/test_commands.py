"""Commands as people write them: in their language, with wrong words, too often; the same on every store."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.commands.given import GivenCommands
from bot.commands.menu import registry
from bot.conversation.receiving import House
from bot.events import Acted, Arrived, Author, CommandGiven, Ignored, MessageReceived, Placeholder, Stored
from bot.language.words import known
from bot.store.tables import conversation
from tests.command_words import says
from tests.contract.channel_desk import ANN, KEY, NOW, PHOTO, ROOM, Desk, open_desk, sent
from tests.contract.stores import KINDS

DORA = Author("dora", "Dora", "de-AT")


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with open_desk(request.param, request) as made:
        yield made


async def write(desk: Desk, text: str, author: Author = ANN) -> list[str]:
    """What is told by a message that is a command."""
    before = await desk.told()
    assert isinstance(await desk.receive(MessageReceived(ROOM, author, text, NOW)), Acted)
    return (await desk.told())[len(before) :]


async def test_commands_are_answered_in_the_language_that_the_platform_tells(desk: Desk) -> None:
    assert await write(desk, "/stop", DORA) == ["Im Moment entsteht keine Antwort."]
    assert await write(desk, "/stop", replace(ANN, language="xx")) == ["Nothing is being answered at the moment."]


async def test_a_language_that_was_chosen_beats_the_platforms_and_stays(desk: Desk) -> None:
    assert await write(desk, "/language ES", DORA) == [known().say("language-set", "es")]
    assert await write(desk, "/new", DORA) == [known().say("fresh", "es")]
    assert await write(desk, "/stop", DORA) == ["Ahora mismo no se está escribiendo ninguna respuesta."]
    assert await write(desk, "/stop") == ["Nothing is being answered at the moment."]


@pytest.mark.parametrize("text", ["/language", "/language klingon", "/language 🙂"])
async def test_a_language_that_we_do_not_speak_is_answered_with_those_that_we_do(desk: Desk, text: str) -> None:
    assert await write(desk, text) == ["I can speak: en, de, es."]


async def test_who_changes_the_language_of_their_platform_is_answered_in_the_new_one(desk: Desk) -> None:
    await write(desk, "/stop", replace(DORA, language="en"))
    assert await write(desk, "/stop", DORA) == ["Im Moment entsteht keine Antwort."]
    assert await write(desk, "/stop", replace(DORA, language="")) == ["Nothing is being answered at the moment."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/languge", "There is no command /languge. Did you mean /language?"),
        ("/HALP", "There is no command /halp. Did you mean /help?"),
        ("/xyzzy", "There is no command /xyzzy. /help shows what there is."),
        ("/claim", "There is no command /claim. /help shows what there is."),
    ],
)
async def test_what_is_no_command_gets_a_hint(desk: Desk, text: str, said: str) -> None:
    assert await write(desk, text) == [said]
    assert await desk.rows(conversation.c.due_at) == [(None,)]


@pytest.mark.parametrize(
    "text",
    [
        "/new york weather",
        "/etc/hosts",
        "/xyzzy does not work",
        "/help me",
        "/language barrier is a problem",
        "/start my parcel is broken",
        "/new " + "x" * 4050,
        "/start " + "x" * 5000,
        "a /new day",
        "/",
        "//",
        "/new@otherbot",
        "/ new",
        "/10€",
    ],
)
async def test_words_that_only_look_like_a_command_are_for_the_bot(desk: Desk, text: str) -> None:
    assert isinstance(await desk.receive(MessageReceived(ROOM, ANN, text, NOW)), Stored)


async def test_a_file_under_a_command_is_a_message(desk: Desk) -> None:
    message = MessageReceived(ROOM, ANN, "/help", NOW, attachments=(PHOTO,))
    assert isinstance(await desk.receive(message), Stored)


async def test_a_form_of_the_platform_means_what_a_text_does(desk: Desk) -> None:
    await desk.receive(CommandGiven(ROOM, ANN, "language", NOW, arguments=(("language", "de"),)))
    assert await desk.told() == [known().say("language-set", "de")]


async def test_a_command_that_the_platform_knows_and_we_do_not_is_answered_like_any_other(desk: Desk) -> None:
    await desk.receive(CommandGiven(ROOM, ANN, "newest", NOW))
    assert (await desk.told())[0].startswith("There is no command /newest")


async def test_whoever_gives_commands_too_often_is_told_once_and_then_left_alone(desk: Desk) -> None:
    now = 0.0
    desk.house = House({KEY: desk.ref}, GivenCommands(registry(), known(), lambda: now), 0.0)
    for _ in range(10):
        assert await write(desk, "/id") != []
    assert await write(desk, "/id") == ["That was a lot in a short time. Please try again in 3 seconds."]
    assert await desk.receive(MessageReceived(ROOM, ANN, "/id", NOW)) == Ignored("too_often")
    assert await write(desk, "/stop") == [says("nothing-to-stop")], "another command has a budget of its own"
    assert await write(desk, "/id", DORA) != [], "so has somebody else"
    now += 3
    assert await write(desk, "/id") != []


async def test_what_the_platform_itself_gives_is_never_too_often(desk: Desk) -> None:
    desk.house = House({KEY: desk.ref}, GivenCommands(registry(), known(), lambda: 0.0), 0.0)
    for number in range(30):
        place = replace(ROOM, chat_id=f"-{number + 2}")
        assert isinstance(await desk.receive(Arrived(place, ANN, NOW)), Acted)
    assert (await desk.told()).count("Welcome!") == 30


async def test_a_form_that_waits_for_its_answer_is_answered_each_time(desk: Desk) -> None:
    desk.house = House({KEY: desk.ref}, GivenCommands(registry(), known(), lambda: 0.0), 0.0)
    for number in range(13):
        await desk.receive(CommandGiven(ROOM, ANN, "id", NOW, Placeholder(f"interaction:{number}", "secret")))
    assert (await desk.told()).count("That was a lot in a short time. Please try again in 3 seconds.") == 3


async def test_a_command_leaves_what_is_being_asked_alone(desk: Desk) -> None:
    await desk.say("what?")
    await write(desk, "/help")
    await desk.answer("that")
    await sent(desk, "sent-1")
    assert (await sent(desk, "sent-2")).text == "that"
