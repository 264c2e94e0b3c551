"""`reply_markup`: Client::get_reply_markup in Client.cpp, ReplyMarkup.cpp in tdlib/td, and what only Telegram's servers check."""

from typing import Any

import msgspec

from tests.telegram_server.refusal import bad_request

_ACTIONS = """
    url callback_data callback_game switch_inline_query switch_inline_query_current_chat
    switch_inline_query_chosen_chat login_url web_app copy_text pay
"""
ACTIONS = frozenset(_ACTIONS.split())


def read_markup(argument: str | None) -> dict[str, Any] | None:
    """The markup as an object; None when there is none or it is empty. Raises 400."""
    if not argument:
        return None
    try:
        markup = msgspec.json.decode(argument.encode())
    except msgspec.DecodeError:
        raise bad_request("Can't parse reply keyboard markup JSON object") from None
    if not isinstance(markup, dict):
        raise bad_request("Object expected as reply markup")
    if markup.get("keyboard"):
        return {"keyboard": markup["keyboard"]}
    rows = markup.get("inline_keyboard")
    if rows:
        return _inline(rows)
    return next(({name: True} for name in ("remove_keyboard", "force_reply") if markup.get(name)), None)


def _inline(rows: Any) -> dict[str, Any] | None:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    kept = [[_button(button) for button in row] for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def _button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict) or "text" not in button:
        raise bad_request("Can't parse inline keyboard button: Can't find field \"text\"")
    if not ACTIONS & button.keys():
        raise bad_request("Can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if not str(button["text"]).strip():
        raise bad_request("Inline keyboard button text must be non-empty")
    return button


def check_on_server(markup: dict[str, Any] | None) -> None:
    """What the Bot API server lets through and Telegram refuses: "callback_data ... 1-64 bytes" as BUTTON_DATA_INVALID; too much
    in all.
    """
    buttons = [button for row in (markup or {}).get("inline_keyboard", ()) for button in row]
    for button in buttons:
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    if len(buttons) > 100:
        raise bad_request("REPLY_MARKUP_TOO_LONG" if len(msgspec.json.encode(markup)) < 10_000 else "reply markup is too long")


def without_text_keyboard(markup: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a message shows under itself: only an inline keyboard belongs to the message."""
    return markup if markup and "inline_keyboard" in markup else None
