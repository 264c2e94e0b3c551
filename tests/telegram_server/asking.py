"""getMe, getChat, getChatMember(s), getFile, answerCallbackQuery, setMyCommands and its kin."""

from typing import Any

import msgspec

from tests.telegram_server.call import Access, Call
from tests.telegram_server.chat import PRESENT, Chat
from tests.telegram_server.refusal import bad_request

MOST_COMMAND = 32  # BotCommand.cpp of tdlib/td: MAX_COMMAND_TEXT_LENGTH, MAX_COMMAND_DESCRIPTION_LENGTH
MOST_DESCRIPTION = 256
MOST_COMMANDS = 100  # https://core.telegram.org/bots/api#setmycommands
MOST_NOTICE = 200  # answerCallbackQuery: "text ... 0-200 characters"
_RIGHTS = """
    can_be_edited is_anonymous can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members
    can_promote_members can_change_info can_invite_users can_post_stories can_edit_stories can_delete_stories
    can_send_welcome_messages can_pin_messages can_manage_topics
"""
RIGHTS = tuple(_RIGHTS.split())
CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})
SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators", *CHAT_SCOPES})


def get_me(call: Call) -> dict[str, Any]:
    bot = call.bot
    return bot.user() | {
        "can_join_groups": True, "can_read_all_group_messages": bot.reads_all, "supports_inline_queries": False,
        "can_connect_to_business": False, "has_main_web_app": False,
    }  # fmt: skip


def get_chat(call: Call) -> dict[str, Any]:
    """ChatFullInfo with the fields that are always there."""
    chat = call.chat(Access.READ)
    gifts = dict.fromkeys(
        ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"], chat.private
    )
    return chat.as_json() | {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}


def get_chat_member(call: Call) -> dict[str, Any]:
    chat = call.chat(Access.READ)
    return _member(call, chat, call.number("user_id"))


def get_chat_administrators(call: Call) -> list[dict[str, Any]]:
    chat = call.chat(Access.READ)
    if chat.private:
        raise bad_request("there are no administrators in the private chat")
    ids = [*call.server.admins_of(chat), *(bot for bot, standing in chat.bots.items() if standing == "administrator")]
    return [_member(call, chat, each) for each in ids]


def _member(call: Call, chat: Chat, user_id: int) -> dict[str, Any]:
    found = call.server.user_of(user_id)
    if found is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    standing = call.server.standing(chat, user_id)
    return member_json(found, standing)


def member_json(user: dict[str, Any], standing: str) -> dict[str, Any]:
    """ChatMember of a standing."""
    made: dict[str, Any] = {"user": user, "status": standing}
    if standing == "administrator":
        return made | dict.fromkeys(RIGHTS, True) | {"can_be_edited": False, "is_anonymous": False}
    if standing == "creator":
        return made | {"is_anonymous": False}
    return made | {"until_date": 0} if standing == "kicked" else made


def leave_chat(call: Call) -> bool:
    chat = call.chat(Access.READ)
    if chat.bots.get(call.bot.id) in PRESENT:
        chat.bots[call.bot.id] = "left"
    return True


def get_file(call: Call) -> dict[str, Any]:
    """https://core.telegram.org/bots/api#getfile: at most 20 MB; the link lives for at least an hour. A server in local mode
    tells where the file lies on its own disk instead (https://core.telegram.org/bots/api#using-a-local-bot-api-server).
    """
    file_id = call.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    file = call.server.files.get(file_id)
    if file is None:
        raise bad_request("invalid file_id")
    if file.size > call.server.limits.file_bytes:
        raise bad_request("file is too big")
    file.link_until = call.server.clock.now() + 3600
    path = f"/var/lib/telegram-bot-api/{call.bot.token}/{file.path}" if call.server.local else file.path
    return {"file_id": file.file_id, "file_unique_id": file.unique_id, "file_size": file.size, "file_path": path}


def answer_callback_query(call: Call) -> bool:
    """Only for some seconds after the press, later (or for a press of another bot) QUERY_ID_INVALID."""
    text = call.text("text")
    if len(text) > MOST_NOTICE:
        raise bad_request("MESSAGE_TOO_LONG")
    press = call.server.presses.get(call.text("callback_query_id"))
    late = press is None or call.server.clock.now() > press.until or press.bot is not call.bot
    if press is None or late:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if not press.answered:
        press.answered = True
        call.server.note("callback_answered", call.bot, press.chat, press.thread_id, text=text, message_id=press.message_id)
    return True


def set_my_commands(call: Call) -> bool:
    """BotCommand.cpp set_commands; the alphabet of a name is checked by Telegram's servers: BOT_COMMAND_INVALID."""
    given = call.text("commands")
    try:
        commands = msgspec.json.decode(given.encode()) if given else []
    except msgspec.DecodeError:
        raise bad_request("Can't parse commands JSON object") from None
    if not isinstance(commands, list):
        raise bad_request("Expected an Array of BotCommand")
    if len(commands) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    call.bot.commands[_menu(call)] = [_command(each) for each in commands]
    return True


def get_my_commands(call: Call) -> list[dict[str, str]]:
    return call.bot.commands.get(_menu(call), [])


def delete_my_commands(call: Call) -> bool:
    call.bot.commands.pop(_menu(call), None)
    return True


def _command(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise bad_request("Can't parse BotCommand: expected an Object")
    for name in ("command", "description"):
        if not isinstance(given.get(name), str):
            raise bad_request(f"Can't parse BotCommand: can't find field \"{name}\"")
    name, description = given["command"].strip().removeprefix("/"), given["description"].strip()
    if not name:
        raise bad_request("Command must be non-empty")
    if len(name) > MOST_COMMAND:
        raise bad_request(f"Command length must not exceed {MOST_COMMAND}")
    if not description:
        raise bad_request("Command description must be non-empty")
    if len(description) > MOST_DESCRIPTION:
        raise bad_request(f"Command description length must not exceed {MOST_DESCRIPTION}")
    if not name.isascii() or name != name.lower() or not name.replace("_", "").isalnum():
        raise bad_request("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}


def _menu(call: Call) -> tuple[str, str]:
    """Scope and language. A chat's scope needs a chat the bot may read (Client::check_bot_command_scope)."""
    language = call.text("language_code")
    if language and not (len(language) == 2 and language.isascii() and language.islower()):
        raise bad_request("Invalid language code specified")
    given = call.text("scope")
    try:
        scope = msgspec.json.decode(given.encode()) if given else {"type": "default"}
    except msgspec.DecodeError:
        raise bad_request("Can't parse BotCommandScope JSON object") from None
    if not isinstance(scope, dict) or scope.get("type") not in SCOPES:
        raise bad_request("Can't parse BotCommandScope: Unsupported type specified")
    return _scope(call, scope), language


def _scope(call: Call, scope: dict[str, Any]) -> str:
    kind: str = scope["type"]
    if kind not in CHAT_SCOPES:
        return kind
    if not scope.get("chat_id"):
        raise bad_request("Can't parse BotCommandScope: Empty chat_id specified")
    if kind == "chat_member" and not int(scope.get("user_id") or 0) > 0:
        raise bad_request("Can't parse BotCommandScope: Invalid user_id specified")
    inner = Call(call.server, call.bot, call.method, {"chat_id": str(scope["chat_id"])})
    chat = inner.chat(Access.READ)
    return f"{kind}:{chat.id}" + (f":{scope['user_id']}" if kind == "chat_member" else "")
