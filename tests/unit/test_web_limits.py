"""Who may call and how often: rates, trusted proxies, origins, signed identity, and the settings behind them."""

import hashlib
import hmac
from contextlib import nullcontext
from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import ValidationError

from adapters.web.limits import Proxies, RateLimit, limit_key
from adapters.web.origins import Origins
from adapters.web.refusals import Refusal
from adapters.web.settings import WebSettings
from tests.web_server import WebDesk


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    limit = RateLimit(60, clock)
    assert [limit.wait_s("ann") for _ in range(15)] == [0.0] * 15
    assert limit.wait_s("ann") == pytest.approx(1.0)
    assert limit.wait_s("bob") == 0.0
    clock.now += 1.0
    assert limit.wait_s("ann") == 0.0
    assert limit.wait_s("ann") > 0


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    limit = RateLimit(60, clock)
    for _ in range(100):
        limit.wait_s("ann")
    clock.now += 1.0
    assert limit.wait_s("ann") == 0.0


def test_someone_who_writes_every_two_seconds_is_never_limited_by_default() -> None:
    clock = Clock()
    limit = RateLimit(WebSettings().session_rate, clock)
    for _ in range(500):
        assert limit.wait_s("ann") == 0.0
        clock.now += 2.0


def test_zero_is_off() -> None:
    limit = RateLimit(0, Clock())
    assert not any(limit.wait_s("ann") for _ in range(1000))


def test_the_table_of_buckets_is_bounded() -> None:
    limit = RateLimit(60, Clock(), keys=100)
    for number in range(1000):
        limit.wait_s(str(number))
    assert len(limit._buckets) == 100


PROXIED = [
    # peer, X-Forwarded-For, who is counted
    ("203.0.113.9", "", "203.0.113.9"),
    ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # not our proxy: what it says is not believed
    ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the left part is the visitor's own claim
    ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),  # two proxies of ours
    ("10.0.0.1", "nonsense", "10.0.0.1"),
    ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
    ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
    ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
    ("", "198.51.100.1", "None"),
]


@pytest.mark.parametrize(("peer", "forwarded", "counted"), PROXIED)
def test_the_right_most_untrusted_address_is_counted(peer: str, forwarded: str, counted: str) -> None:
    assert str(Proxies(["10.0.0.0/8"]).client(peer, forwarded)) == counted


async def test_a_proxy_that_adds_a_line_of_its_own_is_believed_before_the_visitor() -> None:
    async with WebDesk(trusted_proxies=["127.0.0.1"], ip_rate=20, clock=Clock()) as desk:
        statuses = []
        for claim in range(3):
            lines = [("X-Forwarded-For", f"198.51.100.{claim}"), ("X-Forwarded-For", "203.0.113.9")]
            async with desk.http.post("/api/chat/sessions", headers=CIMultiDict(lines)) as response:
                statuses.append(response.status)
        assert statuses == [201, 429, 429]


@pytest.mark.parametrize(
    ("address", "key"),
    [("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("127.0.0.1", None), ("::1", None), ("", None)],
)
def test_loopback_is_exempt_and_a_network_counts_as_one(address: str, key: str | None) -> None:
    assert limit_key(Proxies([]).client(address, "")) == key


async def test_an_address_that_asks_too_often_is_told_when_to_come_back() -> None:
    async with WebDesk(trusted_proxies=["127.0.0.1"], ip_rate=20, clock=Clock()) as desk:
        far = {"X-Forwarded-For": "203.0.113.9"}
        statuses = []
        for _ in range(3):
            async with desk.http.post("/api/chat/sessions", headers=far) as response:
                statuses.append(response.status)
                after = response.headers.get("Retry-After")
        assert (statuses, after) == ([201, 429, 429], "15")
        async with desk.http.post("/api/chat/sessions") as response:
            assert response.status == 201  # loopback itself is exempt


async def test_a_session_that_writes_too_often_is_limited_and_reads_on() -> None:
    async with WebDesk(trusted_proxies=["127.0.0.1"], session_rate=6, ip_rate=0, clock=Clock()) as desk:
        ann = await desk.visit()
        far = {"X-Forwarded-For": "203.0.113.9"}
        statuses = [(await ann.post("messages", {"id": str(n), "text": "hi"}, headers=far))[0] for n in range(6)]
        assert statuses == [202] * 5 + [429]
        async with desk.http.get("/api/chat/turns", headers=ann.headers | far) as response:
            assert response.status == 200


ADMITTED = [
    # origin, host header
    ("", "chat.example"),
    ("https://chat.example", "chat.example"),  # our own, TLS ends before us
    ("https://chat.example", "internal:8080"),  # our own by public_url
    ("https://shop.example", "chat.example"),
    ("https://SHOP.example", "chat.example"),
]
FOREIGN = [
    "https://evil.example",
    "http://shop.example",
    "http://chat.example",
    "https://shop.example.evil.example",
    "null",
    "https://shop.example:444",
    "http://[",
    "http://a]b",
]
BARE = [
    # origin, Host header, whether it is our own page while no address is set
    ("http://localhost:8080", "localhost:8080", True),
    ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
    ("http://[::1]:8080", "[::1]:8080", True),
    ("http://192.0.2.7:8080", "192.0.2.7:8080", True),
    ("http://evil.example:8080", "evil.example:8080", False),  # a stranger's name that was pointed at this machine
    ("http://localhost:8081", "localhost:8080", False),
    ("http://[", "[", False),
    ("http://", "", False),
]


@pytest.mark.parametrize(("origin", "host"), ADMITTED)
def test_our_own_and_listed_origins_are_admitted(origin: str, host: str) -> None:
    Origins(["https://shop.example"], "https://chat.example/desk").admit({"origin": origin, "host": host})


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origins_are_refused(origin: str) -> None:
    with pytest.raises(Refusal) as refused:
        Origins(["https://shop.example"], "https://chat.example").admit({"origin": origin, "host": "chat.example"})
    assert refused.value.status == 403


@pytest.mark.parametrize(("origin", "host", "own"), BARE)
def test_without_a_public_url_only_an_address_or_localhost_is_our_own(origin: str, host: str, own: bool) -> None:
    with nullcontext() if own else pytest.raises(Refusal):
        Origins([], "").admit({"origin": origin, "host": host})


async def test_an_origin_that_is_none_is_refused_on_the_wire() -> None:
    async with WebDesk() as desk, desk.http.post("/api/chat/sessions", headers={"Origin": "http://["}) as response:
        assert response.status == 403


async def test_a_listed_site_may_call_from_a_browser_and_reads_refusals_too() -> None:
    async with WebDesk(origins=["https://shop.example"]) as desk:
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        async with desk.http.options("/api/chat/messages", headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
            assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        async with desk.http.post("/api/chat/messages", headers={"Origin": "https://shop.example"}) as response:
            assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (401, "https://shop.example")
        for method in ("OPTIONS", "POST"):
            async with desk.http.request(method, "/api/chat/sessions", headers={"Origin": "https://evil.example"}) as response:
                assert (response.status, (await response.json())["error"]["code"]) == (403, "origin_not_allowed")
                assert "Access-Control-Allow-Origin" not in response.headers
        assert desk.memory.rooms == {}


def signed(user: str, secret: str = "key") -> dict[str, str]:
    return {"user": user, "signature": hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()}


async def test_a_signed_user_has_one_dialogue_on_all_devices() -> None:
    async with WebDesk(identity_secret="key") as desk:
        phone, laptop = await desk.visit(**signed("user 7")), await desk.visit(**signed("user 7"))
        await phone.say("from the phone", "one")
        await laptop.say("from the laptop", "one")
        texts = [turn["text"] for turn in (await laptop.turns())["turns"] if turn["role"] == "customer"]
        assert texts == ["from the phone", "from the laptop"]
        assert phone.token != laptop.token


@pytest.mark.parametrize(
    ("secret", "arrival", "code"),
    [
        ("key", signed("user 7", "guessed"), "wrong_signature"),
        ("key", {"user": "user 8", "signature": signed("user 7")["signature"]}, "wrong_signature"),
        ("key", {"user": "user 7"}, "wrong_signature"),
        ("key", {"signature": "é"}, "invalid"),
        ("", signed("user 7", ""), "identity_off"),
        ("key", signed("a\nb"), "invalid"),
    ],
)
async def test_an_identity_nobody_signed_is_refused(secret: str, arrival: dict[str, str], code: str) -> None:
    async with WebDesk(identity_secret=secret) as desk, desk.http.post("/api/chat/sessions", json=arrival) as response:
        assert response.status in {403, 422}
        assert (await response.json())["error"]["code"] == code
        assert desk.memory.rooms == {}


WRONG = [
    {"prot": 80},
    {"port": 70_000},
    {"session_rate": -1},
    {"ip_rate": float("nan")},
    {"origins": ["*"]},
    {"origins": ["shop.example"]},
    {"origins": ["https://shop.example/path"]},
    {"public_url": "chat.example"},
    {"trusted_proxies": ["proxy.example"]},
    {"max_text_bytes": 0},
]


@pytest.mark.parametrize("values", WRONG)
def test_a_wrong_setting_names_its_key(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as wrong:
        WebSettings(**values)
    assert wrong.value.errors()[0]["loc"][0] == next(iter(values))
