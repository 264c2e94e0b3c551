"""What the person at the terminal should know: what is being said, which messages wait, what to print. No terminal in here.

A message typed here comes back twice, in any order: as the answer to its call (its seq) and as a turn in the log. The two
are paired, so that it is not printed again, and so that what waits is known even while conversations change.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.terminal.chat import Happening, LinkBack, LinkLost, SessionLost
from adapters.terminal.turns import printed
from adapters.terminal.words import say
from bot.views import PlaceShown, PreviewGone, PreviewShown, StatusChanged, TurnAdded, TurnDeleted, TurnEdited, TurnView

LOST = "The connection is lost. I keep trying; what you type is sent when it is back."
FORGOTTEN = "The former conversation is not kept there any more. This is a new one."


@dataclass
class Talk:
    """Follows one dialogue, for a screen of `columns()`.

    `unsent`: messages handed over and not taken yet; `taken`: seqs not seen in the log yet; `open`: seqs seen there and not
    answered; `place`: where they stand in line, in words, while the wait is long; `unclaimed`: customer turns of the log that
    may be ours, as long as something is unsent. `rest`: of an answer that was stopped, the part on show follows as a turn.
    """

    columns: Callable[[], int] = lambda: 80
    preview: str = ""
    place: str = ""
    answering: bool = False
    lost: bool = False
    rest: bool = False
    unsent: int = 0
    taken: set[int] = field(default_factory=set)
    open: set[int] = field(default_factory=set)
    unclaimed: dict[int, TurnView] = field(default_factory=dict)

    @property
    def stoppable(self) -> bool:
        """Whether an answer is being made or due."""
        return self.answering or bool(self.taken or self.open)

    @property
    def waits(self) -> bool:
        """Whether a message of this terminal still has no answer."""
        return bool(self.unsent or self.taken or self.open)

    def given(self) -> None:
        """A message was handed over."""
        self.unsent += 1

    def settled(self, seq: int | None) -> list[str]:
        """It was taken under `seq`, or leaves no turn. What to print: turns that turned out to be of another window."""
        self.unsent -= 1
        if seq is not None and self.unclaimed.pop(seq, None) is None:
            self.taken.add(seq)
        if self.unsent:
            return []
        others, self.unclaimed = self.unclaimed, {}
        self.open -= others.keys()
        return [printed(view, self.columns()) for view in others.values()]

    def give_up(self) -> None:
        """Nothing is waited for any more."""
        self.taken.clear()
        self.open.clear()

    def hear(self, happening: Happening) -> str | None:
        """What to print for it, if anything."""
        match happening:
            case PreviewShown(text):
                self.preview, self.answering, self.place = text, True, ""
            case PlaceShown(text):
                self.place = text
            case PreviewGone():
                self._quiet()
            case TurnAdded(_, view):
                return self._turn(view)
            case StatusChanged(_, _, name):
                return self._status(name)
            case TurnEdited(_, view):
                return printed(view, self.columns(), changed=True)
            case TurnDeleted(_, seq):
                return self._note(f"Message {seq} was deleted.")
            case _:
                return self._of_link(happening)
        return None

    def _of_link(self, happening: LinkLost | LinkBack | SessionLost) -> str:
        match happening:
            case LinkLost():
                self._quiet()
                self.lost = True
                return self._note(LOST)
            case LinkBack():
                self.lost = False
                return self._note("The connection is back.")
            case SessionLost():
                self._quiet()
                self.give_up()
                self.unclaimed.clear()
                return self._note(FORGOTTEN)

    def _turn(self, view: TurnView) -> str | None:
        if view.role == "customer":
            return self._of_customer(view)
        if view.role in {"bot", "agent"} or view.in_reply_to is not None:  # a notice may end a question too
            self._quiet()
            self.rest = False
            answered = view.in_reply_to or view.seq
            self.open = {seq for seq in self.open if seq > answered}
        return printed(view, self.columns())

    def _of_customer(self, view: TurnView) -> str | None:
        if view.seq in self.taken:
            self.taken.remove(view.seq)
        elif self.unsent:
            self.unclaimed[view.seq] = view
        else:
            return printed(view, self.columns())
        self.open.add(view.seq)
        return None

    def _status(self, name: str) -> str | None:
        self.rest = name == "stopped" and bool(self.preview)
        self._quiet()
        self.open.clear()
        return self._note("A new conversation.") if name == "opened" else None

    def _quiet(self) -> None:
        self.preview, self.answering, self.place = "", False, ""

    def _note(self, text: str) -> str:
        return say("note", text, self.columns())
