"""The bounds of delivery: how much at once, how long at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """Times in seconds.

    `workers`: requests of one account under way at once, so that a slow chat holds up nobody. `request_s`: the longest one
    request may take. `patience_s`: the longest a row waits in memory for its chat's budget; beyond that it waits in the
    database. `stale_s`: older news from the database is not acted on, since a suspended process may have lost its lease
    meanwhile; it is less than a lease. `settle_within_s` and `most_repeats` bound a row whose outcome nobody knows,
    `deliver_within_s` any row.
    """

    workers: int = 64
    request_s: float = 30.0
    patience_s: float = 0.25
    stale_s: float = 5.0
    poll_s: float = 1.0
    breath_s: float = 0.1
    sweep_s: float = 30.0
    drain_s: float = 10.0
    backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    settle_within_s: float = 900.0
    deliver_within_s: float = 86_400.0
    most_repeats: int = 8


@dataclass(frozen=True, slots=True)
class PreviewLimits:
    """Times in seconds. `most`: answers previewed at once; more are made without a preview. `grace_s`: an answer that is
    whole sooner is not previewed, and the first request of a later one shows text rather than a mark, if there is any by
    then. `typing_s` and `draft_s`: how long such a mark lasts on the platforms before it has to be renewed.
    """

    most: int = 256
    grace_s: float = 0.2
    interval_s: float = 1.0
    typing_s: float = 4.0
    draft_s: float = 20.0
    request_s: float = 30.0
    stale_s: float = 5.0
    longest_s: float = 900.0
    placeholder: str = "…"
