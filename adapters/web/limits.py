"""Limits: token buckets in a table that cannot grow, and the client address they count by."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """`per_minute` requests a key with a burst of a quarter of it (at least 5); 0 limits nothing.

    Only the `keys` most recently seen keys are remembered; a forgotten one starts full. `clock` is monotonic seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float], keys: int = 10_000) -> None:
        self._rate = per_minute / 60
        self._burst = max(5.0, per_minute / 4)
        self._clock = clock
        self._keys = keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` and return 0, or take nothing and return the seconds until it can be taken."""
        if self._rate == 0:
            return 0.0
        bucket = self._filled(key)
        if bucket.tokens < cost:
            return (min(cost, self._burst) - bucket.tokens) / self._rate
        bucket.tokens -= cost
        return 0.0

    def _filled(self, key: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        return bucket


class Proxies:
    """Finds who really asks: the right-most X-Forwarded-For entry that is not one of our own proxies."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = tuple(ip_network(network) for network in trusted)

    def client(self, peer: str, forwarded_for: str) -> IPAddress | None:
        """The address to count by; None where the peer has none (a local socket)."""
        address = _parse(peer)
        for hop in reversed(forwarded_for.split(",")) if forwarded_for else ():
            if address is None or not self._trusts(address):
                break
            claimed = _parse(hop)
            if claimed is None:
                break
            address = claimed
        return address

    def _trusts(self, address: IPAddress) -> bool:
        return any(address in network for network in self._trusted)


def limit_key(address: IPAddress | None) -> str | None:
    """The bucket of an address: an IPv6 customer owns a whole /64. None (loopback, local socket) is exempt."""
    if address is None or address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


@lru_cache(maxsize=4096)
def _parse(text: str) -> IPAddress | None:
    try:
        address = ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
