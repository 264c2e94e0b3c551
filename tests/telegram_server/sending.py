"""sendMessage, sendChatAction, sendMessageDraft: https://core.telegram.org/bots/api#sendmessage and Client.cpp."""

from typing import Any

import msgspec

from tests.telegram_server.call import Access, Call
from tests.telegram_server.chat import Chat, Draft, Message, Topic
from tests.telegram_server.keyboard import check_on_server, read_markup, without_text_keyboard
from tests.telegram_server.marks import Mark, read_marks
from tests.telegram_server.refusal import bad_request
from tests.telegram_server.text import MOST_UNITS, Formatted, formatted, units

_CHAT_ACTIONS = """
    cancel typing record_video upload_video record_audio record_voice upload_audio upload_voice upload_photo
    upload_document choose_sticker pick_up_location find_location record_video_note upload_video_note
"""  # Client::get_chat_action
CHAT_ACTIONS = frozenset(_CHAT_ACTIONS.split())


def send_message(call: Call) -> dict[str, Any]:
    """Checks in the order of the real server: the text, the markup, the chat, the topic, the reply; then Telegram's own."""
    text, marks = given_text(call)
    markup = read_markup(call.text("reply_markup"))
    reply = _reply_parameters(call)
    chat = call.chat(Access.WRITE)
    topic = call.topic(chat)
    reply_to = _replied(chat, reply)
    made = mended(call, formatted(text, marks, private=chat.private))
    if units(made.text) > MOST_UNITS:
        raise bad_request("Message is too long")
    call.charge(chat)
    return post(call, chat, content_of(made), topic=topic, reply_to=reply_to, markup=markup).as_json()


def post(
    call: Call, chat: Chat, content: dict[str, Any], *, topic: Topic | None, reply_to: Message | None, markup: Any
) -> Message:
    """The bot's new message in the chat, after the checks of Telegram's servers."""
    call.reachable(chat)
    if topic is not None and topic.closed and not call.administers(chat):
        raise bad_request("TOPIC_CLOSED")
    check_on_server(markup)
    thread_id = topic.thread_id if topic else _thread_of(reply_to)
    sent = chat.add(
        call.bot.user(), call.server.clock.unix(), content,
        thread_id=thread_id, reply_to=reply_to, markup=without_text_keyboard(markup),
    )  # fmt: skip
    chat.last_bot = call.bot.id
    chat.drafts.pop(thread_id, None)  # "or if the bot sends a message"
    call.server.see("sent", sent, call.bot)
    return sent


def given_text(call: Call) -> tuple[str, list[Mark]]:
    """The `text` and `entities` arguments. Raises 400; markup in the text is refused, since nothing here reads it."""
    text = call.text("text")
    if not text:
        raise bad_request("Message text is empty")
    return text, given_marks(call)


def given_marks(call: Call) -> list[Mark]:
    mode = call.text("parse_mode").lower()
    if mode not in {"", "none"}:
        known = mode in {"markdown", "markdownv2", "html"}
        raise bad_request("this server reads no parse_mode, send entities" if known else "Unsupported parse_mode")
    return read_marks(call.text("entities"))


def mended(call: Call, made: Formatted) -> Formatted:
    """Keep count of what the server mended in silence."""
    call.server.mended.update(made.mended)
    return made


def content_of(made: Formatted) -> dict[str, Any]:
    return {"text": made.text, "entities": made.entities} if made.entities else {"text": made.text}


def send_chat_action(call: Call) -> bool:
    action = call.text("action").lower()
    if action not in CHAT_ACTIONS:
        raise bad_request("Wrong parameter action in request")
    chat = call.chat(Access.WRITE)
    topic = call.topic(chat)
    call.reachable(chat)
    call.server.note("typing", call.bot, chat, topic.thread_id if topic else None, text=action)
    return True


def send_message_draft(call: Call) -> bool:
    """https://core.telegram.org/bots/api#sendmessagedraft: private chats only ("Bad Request: TEXTDRAFT_PEER_INVALID" elsewhere),
    0-4096 characters, shown for 30 seconds. The wording for a draft_id of zero is not documented.
    """
    marks = given_marks(call)
    chat = call.chat(Access.WRITE)
    made = mended(call, formatted(call.text("text"), marks, private=True, may_be_empty=True))
    call.charge(chat, draft=True)
    if not chat.private:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = call.number("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_INVALID")
    if units(made.text) > MOST_UNITS:
        raise bad_request("MESSAGE_TOO_LONG")
    topic = call.topic(chat)
    call.reachable(chat)
    _show(call, chat, draft_id, topic.thread_id if topic else None, made)
    return True


def _show(call: Call, chat: Chat, draft_id: int, thread_id: int | None, made: Formatted) -> None:
    """A draft its reader stopped is not shown again; the call is accepted all the same."""
    if draft_id in chat.stopped:
        call.server.drafts_after_stop += 1
        return
    until = call.server.clock.now() + call.server.limits.draft_shown_s
    chat.drafts[thread_id] = Draft(draft_id, thread_id, made.text, until, call.flag("can_stop"), call.flag("keep_on_stop"))
    call.server.note("drafted", call.bot, chat, thread_id, text=made.text, entities=made.entities, message_id=draft_id)


def _reply_parameters(call: Call) -> tuple[int, bool]:
    """Message id and allow_sending_without_reply, also by their old names (Client::get_reply_parameters)."""
    given = call.text("reply_parameters")
    if not given:
        return call.number("reply_to_message_id"), call.flag("allow_sending_without_reply")
    try:
        reply = msgspec.json.decode(given.encode())
    except msgspec.DecodeError:
        raise bad_request("Can't parse reply parameters JSON object") from None
    if not isinstance(reply, dict):
        raise bad_request("Object expected as reply parameters")
    return int(reply.get("message_id", 0)), bool(reply.get("allow_sending_without_reply"))


def _replied(chat: Chat, reply: tuple[int, bool]) -> Message | None:
    message_id, without_it = reply
    if message_id <= 0:
        return None
    message = chat.messages.get(message_id)
    if message is None and not without_it:
        raise bad_request("message to be replied not found")
    return message


def _thread_of(reply_to: Message | None) -> int | None:
    """A reply without a thread goes where the message it answers is."""
    return reply_to.thread_id if reply_to is not None else None
