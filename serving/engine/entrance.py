"""Who may start, as the gate asks it."""

from typing import Protocol

from serving.engine.admission import Place


class Entrance(Protocol):
    """Admission is one; so is a door behind which engines have an admission each."""

    def enter(self, priority: int, answers: int, deadline_s: float | None) -> Place:
        """Raises Full."""

    def start(self, place: Place) -> None:
        """The first token has come."""

    def leave(self, place: Place, *, answered: bool = True) -> None:
        """The request has ended; `answered`: and had begun to be answered."""


class Open:
    """Lets all in."""

    def enter(self, priority: int, answers: int, deadline_s: float | None) -> Place:  # noqa: ARG002  the face of Entrance
        return Place(priority, answers, 0.0)

    def start(self, place: Place) -> None:
        pass

    def leave(self, place: Place, *, answered: bool = True) -> None:
        pass
