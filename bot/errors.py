"""Errors named for what the caller should do. Adapters translate their SDK's errors into the channel ones, once, at the edge."""


class FrontdeskError(Exception):
    """Everything we raise for other people's input or for a part that is away."""


class SettingsError(FrontdeskError):
    """A setting is wrong. The message names the key or file and says what to do; the process exits with 2."""


class StoreUnavailable(FrontdeskError):
    """The database cannot be reached, is locked or full: nothing was stored. Try again after `retry_after_s`."""

    def __init__(self, message: str, *, retry_after_s: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SchemaMismatch(FrontdeskError):
    """The database's revision is not one this release can work with; the message says which command mends it."""


class AlreadyRunning(FrontdeskError):
    """Another process holds this database; the message names its file."""


class Superseded(FrontdeskError):
    """The conversation's epoch moved on: this work must not be stored. Drop it."""


class NotFound(FrontdeskError):
    """The turn, button or session named does not exist for this caller."""


class ChannelError(FrontdeskError):
    """A channel did not take a message; the subclass says what follows."""


class RetryLater(ChannelError):
    """Definitely not sent. Try again after `after_s` seconds; `scope` "account", "chat" or "previews" (drafts and typing marks of
    the chat, which have a limit of their own) says what must wait.
    """

    def __init__(self, message: str, *, after_s: float, scope: str = "chat") -> None:
        super().__init__(message)
        self.after_s = after_s
        self.scope = scope


class RecipientGone(ChannelError):
    """Definitely not sent, and never will be: blocked, deleted, no permission."""


class MessageRefused(ChannelError):
    """Definitely not sent: the platform refuses this content for good. Retrying the same content cannot help."""


class MessageGone(MessageRefused):
    """The message to edit does not exist any more: send the text as a new one."""


class DeliveryUnknown(ChannelError):
    """Sent or not, nobody knows: a timeout, a reset, a 5xx. The outbox row becomes `in_doubt`."""


class GenerationError(FrontdeskError):
    """The node did not produce a whole answer; nothing of it may be stored as whole."""


class NodeUnavailable(GenerationError):
    """Not reachable, answering 5xx, or cut off in mid-stream: the turn stays due."""


class NodeBusy(GenerationError):
    """Refused by admission: try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NodeTooSlow(GenerationError):
    """A deadline passed; `phase` is "first_token", "idle" or "total"."""

    def __init__(self, message: str, *, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class NodeRefused(GenerationError):
    """The node says this request is wrong (4xx): wrong key, unknown model, too long."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class NodeGarbled(GenerationError):
    """The stream did not follow the protocol, or the answer the form that was asked for."""


class AnswerCut(GenerationError):
    """An answer with a form was not whole within `max_tokens`: ask for less, or allow more."""


class AnswerRefused(GenerationError):
    """The model or its server declines to answer this: asking again gives the same."""
