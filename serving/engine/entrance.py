"""Who may start, as the gate asks it."""

from typing import Protocol

from serving.engine.admission import Place


class Entrance(Protocol):
    """Admission is one; so is a door behind which engines have an admission each."""

    def enter(
        self, priority: int, answers: int, deadline_s: float | None, *, streamed: bool = True, size: int | None = None
    ) -> Place:
        """Raises Full and TooMany."""

    def start(self, place: Place) -> None:
        """The first token has come."""

    def leave(self, place: Place, *, answered: bool = True) -> None:
        """The request has ended; `answered`: and had begun to be answered."""


class Open:
    """Lets all in."""

    def enter(
        self,
        priority: int,
        answers: int,
        deadline_s: float | None,  # noqa: ARG002  the face of Entrance
        *,
        streamed: bool = True,
        size: int | None = None,
    ) -> Place:
        return Place(priority, answers, 0.0, answers if size is None else size, streamed)

    def start(self, place: Place) -> None:
        pass

    def leave(self, place: Place, *, answered: bool = True) -> None:
        pass
