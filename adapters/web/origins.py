"""Origins: which web sites may call the API from a browser, and the CORS headers that say so."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from adapters.web.refusals import forbidden

METHODS = "GET, POST, OPTIONS"
HEADERS = "Authorization, Content-Type, Last-Event-ID"


class Origins:
    """No Origin header is allowed (not a browser, or a same-origin GET); with one only our own or a listed origin.

    Our own is `public_url`. While none is set it is what the Host header says, if that is an address or localhost: any other
    name may be a stranger's who pointed it at this machine (DNS rebinding).
    """

    def __init__(self, listed: Iterable[str], public_url: str) -> None:
        self._listed = frozenset(listed)
        self._own = _origin_of(public_url)

    def admit(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The CORS headers of the answer. Raises a 403 Refusal for an origin nobody listed."""
        origin = headers.get("origin", "").lower()
        if not origin or self._is_own(origin, headers.get("host", "").lower()):
            return {"Vary": "Origin"} if self._listed else {}
        if origin in self._listed:
            return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After", "Vary": "Origin"}
        raise forbidden("origin_not_allowed", "This web site is not on the list of allowed origins.")

    def _is_own(self, origin: str, host: str) -> bool:
        if self._own:
            return origin == self._own
        return origin in {f"http://{host}", f"https://{host}"} and _cannot_be_rebound(host)

    def preflight(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What a browser wants to hear before it sends the real request."""
        allowed = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": HEADERS,
            "Access-Control-Max-Age": "600",
        }
        return self.admit(headers) | allowed

    @property
    def frame_ancestors(self) -> str:
        """The value of the CSP directive for the page that the widget puts into a frame."""
        return " ".join(("'self'", *sorted(self._listed)))


def _cannot_be_rebound(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        return False
    return True


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if url else ""
