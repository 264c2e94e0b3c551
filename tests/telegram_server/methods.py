"""The methods the stand-in knows, by name. Any other is answered 404 "method not found", so that nobody relies on silence."""

from tests.telegram_server import asking, editing, sending, topics
from tests.telegram_server.call import Method

METHODS: dict[str, Method] = {
    "getMe": asking.get_me,
    "getChat": asking.get_chat,
    "getChatMember": asking.get_chat_member,
    "getChatAdministrators": asking.get_chat_administrators,
    "leaveChat": asking.leave_chat,
    "getFile": asking.get_file,
    "answerCallbackQuery": asking.answer_callback_query,
    "setMyCommands": asking.set_my_commands,
    "getMyCommands": asking.get_my_commands,
    "deleteMyCommands": asking.delete_my_commands,
    "sendMessage": sending.send_message,
    "sendChatAction": sending.send_chat_action,
    "sendMessageDraft": sending.send_message_draft,
    "editMessageText": editing.edit_message_text,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "createForumTopic": topics.create_forum_topic,
    "editForumTopic": topics.edit_forum_topic,
    "closeForumTopic": topics.close_forum_topic,
    "reopenForumTopic": topics.reopen_forum_topic,
    "deleteForumTopic": topics.delete_forum_topic,
}
RECEIVING = ("getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo")
NAMES = {name.lower(): name for name in (*METHODS, *RECEIVING)}
