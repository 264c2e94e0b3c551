"""Bot API methods whose answer we read ourselves. aiogram would check every field of it against the API as it was at its release:
then one update of a new shape fails its whole batch, and a message that was sent counts as unknown.
"""

from typing import TYPE_CHECKING, Any

from aiogram.methods import EditMessageText, GetFile, GetUpdates, SendMessage

# named, because the default leaves out what it likes and an earlier choice of somebody else would stay
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation"]


class GetRawUpdates(GetUpdates):
    """getUpdates: a list of decoded JSON, checked one by one later."""

    __returning__ = list[Any]


class SendRawMessage(SendMessage):
    """sendMessage: the message as decoded JSON, of which the id is wanted."""

    __returning__ = dict[str, Any]

    if TYPE_CHECKING:  # mypy would ask for every field whose default aiogram hides in a Field

        def __init__(self, **fields: Any) -> None: ...


class EditRawMessageText(EditMessageText):
    """editMessageText: nothing of the answer is wanted."""

    __returning__ = dict[str, Any] | bool

    if TYPE_CHECKING:  # mypy would ask for every field whose default aiogram hides in a Field

        def __init__(self, **fields: Any) -> None: ...


class GetRawFile(GetFile):
    """getFile: where the file can be fetched from, as decoded JSON, of which the path is wanted."""

    __returning__ = dict[str, Any]
