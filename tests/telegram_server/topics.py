"""createForumTopic and its kin: https://core.telegram.org/bots/api#createforumtopic. The bot must be an administrator."""

from typing import Any

from tests.telegram_server.call import Access, Call
from tests.telegram_server.chat import Chat, Topic
from tests.telegram_server.refusal import bad_request


def create_forum_topic(call: Call) -> dict[str, Any]:
    """The service message that opens the topic reaches the bot as an update too (Client::need_skip_update_message keeps it)."""
    name = call.text("name").strip()
    if not name:
        raise bad_request("Topic name must be non-empty")
    chat = _forum(call, "create a topic")
    call.charge(chat)
    topic = chat.open_topic(call.bot.user(), call.server.clock.unix(), name[:128])
    call.server.deliver_message(topic.root)
    return {"message_thread_id": topic.thread_id, "name": topic.name, "icon_color": 7322096}


def edit_forum_topic(call: Call) -> bool:
    topic = _topic(call, "edit the topic")
    name = call.text("name").strip()[:128]
    if name == topic.name:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.name = name or topic.name
    _notice(call, topic, {"forum_topic_edited": {"name": topic.name}})
    return True


def close_forum_topic(call: Call) -> bool:
    return _set_closed(call, closed=True)


def reopen_forum_topic(call: Call) -> bool:
    return _set_closed(call, closed=False)


def delete_forum_topic(call: Call) -> bool:
    """With all its messages; no update says so."""
    topic = _topic(call, "delete the topic")
    call.server.remove_topic(topic)
    return True


def _set_closed(call: Call, *, closed: bool) -> bool:
    topic = _topic(call, "close the topic" if closed else "reopen the topic")
    if topic.closed == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    _notice(call, topic, {"forum_topic_closed" if closed else "forum_topic_reopened": {}})
    return True


def _notice(call: Call, topic: Topic, content: dict[str, Any]) -> None:
    chat = topic.chat
    message = chat.add(call.bot.user(), call.server.clock.unix(), content, thread_id=topic.thread_id, service=True)
    call.server.deliver_message(message)


def _forum(call: Call, what: str) -> Chat:
    chat = call.chat(Access.WRITE)
    if not chat.forum:
        raise bad_request("the chat is not a forum")
    if not call.administers(chat):
        raise bad_request(f"not enough rights to {what}")
    return chat


def _topic(call: Call, what: str) -> Topic:
    chat = _forum(call, what)
    topic = call.topic(chat)
    if topic is None:
        raise bad_request("message thread not found")
    return topic
