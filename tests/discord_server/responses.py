"""Answers to interactions: the first one, and the messages of the token's webhook
(docs: interactions/receiving-and-responding, "Responding to an Interaction", "Followup Messages")."""

from collections.abc import Sequence

from tests.discord_server import mentions
from tests.discord_server.clock import Clock
from tests.discord_server.forms import check_edit, check_message, check_modal
from tests.discord_server.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction, Interactions
from tests.discord_server.limits import Limits
from tests.discord_server.posting import Posting
from tests.discord_server.records import Attachment, Json, Message
from tests.discord_server.refusals import invalid_form, unknown

PONG, SAY, THINK, HUSH, UPDATE, CHOICES, SHOW_MODAL = 1, 4, 5, 6, 7, 8, 9


class Responses:
    def __init__(self, interactions: Interactions, posting: Posting, clock: Clock, limits: Limits) -> None:
        self._interactions, self._posting, self._clock, self._limits = interactions, posting, clock, limits

    def first(self, one: Interaction, kind: int, data: Json, files: Sequence[Attachment]) -> Message | None:
        """The initial response; returns the message it made or changed."""
        if kind not in allowed(one):
            raise invalid_form(
                "type", "INTERACTION_APPLICATION_COMMAND_CALLBACK_INVALID", f"Callback type {kind} is not valid here"
            )
        if kind == SHOW_MODAL:
            check_modal(data, self._limits)
            self._settled(one, "modal", modal=data)
            return None
        if kind == CHOICES:
            self._choices(one, data)
            return None
        if kind == HUSH:
            one.original = one.source
            self._settled(one, "acknowledged")
            return None
        if kind == UPDATE:
            return self._update(one, data, files)
        return self._say(one, data, files, thinking=kind == THINK)

    def _settled(self, one: Interaction, state: str, *, modal: Json | None = None) -> None:
        self._interactions.settle(one)
        one.state, one.modal = state, modal
        self._interactions.see(one, state, (modal or {}).get("title", ""))

    def _choices(self, one: Interaction, data: Json) -> None:
        choices = data.get("choices") or []
        if len(choices) > 25:
            raise invalid_form("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        one.choices = choices
        self._settled(one, "choices")

    def _update(self, one: Interaction, data: Json, files: Sequence[Attachment]) -> Message:
        assert one.source is not None
        check_edit(one.source, data, self._limits, files=len(files))
        self._interactions.settle(one)
        one.state, one.original = "updated", one.source
        self._posting.edit(one.source, data, files=files, bot=one.app)
        return one.source

    def _say(self, one: Interaction, data: Json, files: Sequence[Attachment], *, thinking: bool) -> Message:
        if not thinking:
            check_message(data, self._limits, files=len(files))
        one.original = message = self._message(one, data, files, thinking=thinking)
        one.state = "thinking" if thinking else "answered"
        if thinking:
            self._interactions.think(one)
        else:
            self._interactions.settle(one)
        self._add(one, message, data)
        return message

    def _message(self, one: Interaction, data: Json, files: Sequence[Attachment], *, thinking: bool = False) -> Message:
        """A message by the bot through the token; ephemeral ones are kept only here. Needs no channel permission."""
        message = Message(self._clock.snowflake(), one.place, one.app.user, data.get("content") or "", webhook_id=one.app.id)
        message.flags = int(data.get("flags") or 0) & Message.EPHEMERAL | Message.LOADING * thinking
        message.type = {COMMAND: 20 if one.data.get("type", 1) == 1 else 23}.get(one.kind, 0)
        message.embeds, message.components = list(data.get("embeds") or ()), list(data.get("components") or ())
        message.attachments, message.interaction = list(files), self._interactions.metadata(one)
        message.shown_to = one.user if message.flags & Message.EPHEMERAL else None
        return message

    def _add(self, one: Interaction, message: Message, data: Json) -> None:
        pings = mentions.apply(message, data.get("allowed_mentions"), mentions.ONLY_USERS)
        self._posting.add(message, pings, bot=one.app, interaction=one.id)

    def follow_up(self, one: Interaction, data: Json, files: Sequence[Attachment]) -> Message:
        """A further message; right after a deferral it is the edit of the thinking one, whose ephemeral flag stays."""
        check_message(data, self._limits, files=len(files))
        if one.state == "thinking":
            return self.edit(one, None, data, files)
        message = self._message(one, data, files)
        one.followups[message.id] = message
        self._add(one, message, data)
        return message

    def edit(self, one: Interaction, number: int | None, data: Json, files: Sequence[Attachment]) -> Message:
        """Edit the response (`number` None) or a follow-up."""
        message = self.find(one, number)
        check_edit(message, data, self._limits, files=len(files))
        if message is one.original and one.state == "thinking":
            self._interactions.settle(one)
            one.state = "answered"
        self._posting.edit(message, data, files=files, bot=one.app)
        return message

    def delete(self, one: Interaction, number: int | None) -> None:
        message = self.find(one, number)
        if message is one.original:
            self._interactions.settle(one)
        self._posting.delete(message, bot=one.app)

    @staticmethod
    def find(one: Interaction, number: int | None) -> Message:
        original = one.original
        found = original if number is None or (original and original.id == number) else one.followups.get(number)
        if found is None or found.deleted:
            raise unknown("Message")
        return found


def allowed(one: Interaction) -> set[int]:
    """Which callback types an interaction may get (docs: "Interaction Callback Type")."""
    if one.kind == AUTOCOMPLETE:
        return {CHOICES}
    found = {SAY, THINK}
    if one.source is not None and one.kind in (COMPONENT, MODAL):
        found |= {HUSH, UPDATE}
    elif one.kind == MODAL:
        found |= {HUSH}
    return found if one.kind == MODAL else found | {SHOW_MODAL}
