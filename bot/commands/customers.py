"""What customers may ask for. Each is done in the unit that stores the command."""

import sqlalchemy as sa

from bot.commands.arguments import Argument
from bot.commands.command import Call, Command
from bot.conversation.commands import Outcome
from bot.conversation.hearing import begin_anew, stop_answer
from bot.events import CommandGiven, MessageReceived
from bot.store import audit, codes, people, workspaces


def start(connection: sa.Connection, call: Call) -> Outcome:
    """Greets; a code gives a role first. Any other word that a link carried is no code: it is greeted like none."""
    given = _redeem(connection, call)
    if given is not None:
        return call.answered(connection, given)
    own = workspaces.load(connection, call.sender.ref.workspace_id).greeting
    return call.answered(connection, own or call.say("greeting", help=HELP.written(call.channel)))


def _redeem(connection: sa.Connection, call: Call) -> str | None:
    sender, code = call.sender, str(call.values.get("code", ""))
    workspace_id, person = sender.ref.workspace_id, sender.customer_id
    # in a group others read along, and on Telegram all its anonymous administrators are one identity
    private = isinstance(sender.event, CommandGiven | MessageReceived) and sender.event.private
    role = codes.redeem(connection, workspace_id, code) if code and private else None
    if role is None or person is None:
        return None
    now = max(role, people.role(connection, workspace_id, person))  # a lower one takes nothing away
    people.grant(connection, workspace_id, person, now)
    audit.note(connection, workspace_id, person, "role.redeemed", person, f"{role.word}, is {now.word}")
    return call.say("role-given", role=call.say(f"role-{now.word}"), name=workspaces.load(connection, workspace_id).name)


def give_help(connection: sa.Connection, call: Call) -> Outcome:
    """Names what the asker may use here, in the channel's own words for it."""
    lines = [
        call.say("help-line", command=one.written(call.channel), does=call.say(f"command-{one.name}"))
        for one in call.shown
        if one not in (HELP, START)
    ]
    return call.answered(connection, "\n".join([call.say("help"), *lines]))


def stop(connection: sa.Connection, call: Call) -> Outcome:
    """Ends the answer that is being made: on push channels its preview stops growing, pages show it as stopped."""
    conversation_id, stopped = stop_answer(connection, call.sender)
    text = call.say("stopped" if stopped else "nothing-to-stop")
    return Outcome(conversation_id, text, seen=stopped or not call.sender.ref.route)


def new(connection: sa.Connection, call: Call) -> Outcome:
    """Pages show by themselves that all is new."""
    return Outcome(begin_anew(connection, call.sender), call.say("fresh"), seen=not call.sender.ref.route)


def human(connection: sa.Connection, call: Call) -> Outcome:
    """Tells how to reach a person."""
    contact = workspaces.load(connection, call.sender.ref.workspace_id).contact
    return call.answered(connection, contact or call.say("no-person"))


def ids(connection: sa.Connection, call: Call) -> Outcome:
    """Ids for support, one a line: they are read by people of the business."""
    conversation_id = call.here(connection)
    where, who = call.sender.event.address, call.sender.event.author
    thread = f"\nthread: {where.thread_id}" if where.thread_id else ""
    text = f"you: {where.channel}:{where.account}:{who.user_id}\nchat: {where.chat_id}{thread}\nconversation: {conversation_id}"
    return Outcome(conversation_id, text)


def language(connection: sa.Connection, call: Call) -> Outcome:
    """The language in which we say what is ours to say; without one, those that there are."""
    chosen = str(call.values.get("language", "")).lower()
    if chosen not in call.words.languages:
        return call.answered(connection, call.say("language-unknown", languages=", ".join(call.words.languages)))
    assert call.sender.customer_id is not None, "whoever gives a command is somebody"
    people.speak(connection, call.sender.ref.workspace_id, call.sender.customer_id, chosen)
    return call.answered(connection, call.words.say("language-set", chosen))


START = Command("start", start, ("support", "open"), arguments=(Argument("code", at_most=64),))
HELP = Command("help", give_help, ("help",))
COMMANDS = (
    START,
    HELP,
    Command("new", new, ("chat", "new"), aliases=("reset",)),
    Command("stop", stop, ("chat", "stop")),
    Command("human", human, ("support", "human"), aliases=("agent",)),
    Command("language", language, ("settings", "language"), arguments=(Argument("language", at_most=16),)),
    Command("id", ids, ("id",)),
)
