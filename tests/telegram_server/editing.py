"""editMessageText, editMessageReplyMarkup, deleteMessage(s): Client.cpp, and MessagesManager.cpp for who may do what."""

from typing import Any

import msgspec

from tests.telegram_server.call import Access, Call
from tests.telegram_server.chat import Chat, Message
from tests.telegram_server.keyboard import check_on_server, read_markup, without_text_keyboard
from tests.telegram_server.refusal import bad_request
from tests.telegram_server.sending import content_of, given_text, mended
from tests.telegram_server.text import MOST_UNITS, formatted, units

NOT_MODIFIED = (  # Client::fail_query_with_error
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)


def edit_message_text(call: Call) -> dict[str, Any]:
    """A bot may edit its own messages for ever; an edit without `reply_markup` takes the buttons away."""
    text, marks = given_text(call)
    markup = read_markup(call.text("reply_markup"))
    chat = call.chat(Access.EDIT)
    message = _editable(call, chat)
    if "text" not in message.content:
        raise bad_request("There is no text in the message to edit")
    made = mended(call, formatted(text, marks, private=chat.private))
    call.charge(chat)
    if units(made.text) > MOST_UNITS:
        raise bad_request("MESSAGE_TOO_LONG")  # unlike sendMessage, only Telegram's servers look
    return _edit(call, message, content_of(made), markup)


def edit_message_reply_markup(call: Call) -> dict[str, Any]:
    markup = read_markup(call.text("reply_markup"))
    chat = call.chat(Access.EDIT)
    message = _editable(call, chat)
    call.charge(chat)
    return _edit(call, message, message.content, markup)


def _editable(call: Call, chat: Chat) -> Message:
    message = call.message(chat, "message to edit")
    if message.by != call.bot.id or message.service:
        raise bad_request("Message can't be edited")
    return message


def _edit(call: Call, message: Message, content: dict[str, Any], markup: dict[str, Any] | None) -> dict[str, Any]:
    call.reachable(message.chat)
    check_on_server(markup)
    markup = without_text_keyboard(markup)
    if content == message.content and markup == message.markup:
        raise bad_request(NOT_MODIFIED)
    message.content, message.markup, message.edit_date = content, markup, call.server.clock.unix()
    call.server.see("edited", message, call.bot)
    return message.as_json()


def delete_message(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deletemessage: within 48 hours; its own, those a person wrote to it, or any as
    administrator.
    """
    if not call.text("chat_id"):
        raise bad_request("Chat identifier is not specified")
    if not call.number("message_id"):
        raise bad_request("Message identifier is not specified")
    chat = call.chat(Access.WRITE)
    _delete(call, [call.message(chat, "message to delete")])
    return True


def delete_messages(call: Call) -> bool:
    """Those not found are passed over; if one may not be deleted, none is."""
    try:
        ids = msgspec.json.decode(call.text("message_ids").encode(), type=list[int])
    except msgspec.DecodeError:
        raise bad_request("Can't parse message identifiers JSON object") from None
    if not ids:
        raise bad_request("Message identifiers are not specified")
    if len(ids) > 100:
        raise bad_request("Too many message identifiers specified")
    chat = call.chat(Access.WRITE)
    _delete(call, [chat.messages[each] for each in ids if each in chat.messages])
    return True


def _delete(call: Call, messages: list[Message]) -> None:
    for message in messages:
        _check_deletable(call, message)
    for message in messages:
        del message.chat.messages[message.message_id]
        if message.by == call.bot.id:
            call.server.see("deleted", message, call.bot)


def _check_deletable(call: Call, message: Message) -> None:
    """MessagesManager::can_delete_message and can_revoke_message."""
    chat = message.chat
    own = message.by == call.bot.id
    if chat.kind == "supergroup" and not own and not call.administers(chat):
        raise bad_request("Message can't be deleted")
    too_old = call.server.clock.unix() - message.date > call.server.limits.delete_within_s
    if chat.kind == "group" and not own and not call.administers(chat):
        raise bad_request("Message can't be deleted for everyone")
    if too_old and not (chat.kind == "supergroup" and call.administers(chat)):
        raise bad_request("Message can't be deleted for everyone" if chat.kind != "supergroup" else "Message can't be deleted")
