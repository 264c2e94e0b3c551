"""What the person at the terminal should know: which messages wait, what is being said, what to print. No terminal in here."""

from dataclasses import dataclass, field

from adapters.terminal.chat import Happening, LinkBack, LinkLost
from adapters.terminal.turns import printed
from adapters.terminal.words import say
from bot.views import PreviewGone, PreviewShown, StatusChanged, TurnAdded, TurnDeleted, TurnEdited

HELP = "Type a message and press Enter. /stop ends an answer, /new begins afresh, /help is this, Ctrl-D leaves."


@dataclass
class Talk:
    """Follows the events of a dialogue. `mine` are the seqs typed here, which need not be printed again."""

    columns: int = 80
    preview: str = ""
    answering: bool = False
    waiting_for: int = 0
    answered: int = 0
    mine: set[int] = field(default_factory=set)

    @property
    def waits(self) -> bool:
        """Whether a message sent from here still has no answer."""
        return self.answered < self.waiting_for

    def said(self, seq: int) -> None:
        """A message typed here was taken."""
        self.mine.add(seq)
        self.waiting_for = max(self.waiting_for, seq)

    def hear(self, happening: Happening) -> str | None:
        """What to print for it, if anything."""
        match happening:
            case PreviewShown(text):
                self.preview, self.answering = text, True
            case PreviewGone():
                self.preview, self.answering = "", False
            case TurnAdded():
                return self._turn(happening)
            case StatusChanged(_, _, name):
                return self._status(name)
            case _:
                return self._news(happening)
        return None

    def _news(self, happening: Happening) -> str | None:
        """What changed besides the dialogue's going on."""
        match happening:
            case TurnEdited(_, view):
                return f"(changed) {printed(view, self.columns)}"
            case TurnDeleted(_, seq):
                return f"(message {seq} was deleted)"
            case LinkLost():
                return say("note", "The connection is lost. I keep trying; what you type is sent when it is back.", self.columns)
            case LinkBack():
                return say("note", "The connection is back.", self.columns)
        return None

    def _turn(self, added: TurnAdded) -> str | None:
        view = added.turn
        if view.role == "customer":
            return None if view.seq in self.mine else printed(view, self.columns)
        if view.role in {"bot", "agent"}:
            self.preview, self.answering = "", False
            self.answered = max(self.answered, view.in_reply_to or view.seq)
        return printed(view, self.columns)

    def _status(self, name: str) -> str | None:
        if name == "stopped":
            self.preview, self.answering = "", False
            self.answered = max(self.answered, self.waiting_for)
        if name == "opened":
            self.preview, self.answering, self.waiting_for, self.answered = "", False, 0, 0
            self.mine.clear()
            return say("note", "A new conversation.", self.columns)
        return None
