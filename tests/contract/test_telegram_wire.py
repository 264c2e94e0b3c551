"""The bare wire, without aiogram: bodies of every kind, and answers to the letter."""

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from tests.contract.telegram_scene import Scene, telegram
from tests.telegram_server import Fault, Limits


async def post(scene: Scene, method: str, **body: Any) -> tuple[int, dict[str, Any], str]:
    """Status, JSON and Retry-After."""
    url = f"{scene.server.url}/bot{scene.account.token}/{method}"
    async with aiohttp.ClientSession() as http, http.post(url, **body) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json(), response.headers.get("Retry-After", "")


async def test_json_form_multipart_and_query_say_the_same() -> None:
    async with telegram() as scene:
        parts = aiohttp.FormData(quote_fields=False)
        parts.add_field("chat_id", str(scene.ann.id))
        parts.add_field("text", "hé")
        parts.add_field("extra", b"file", filename="x.bin")
        given: dict[str, Any] = {"chat_id": scene.ann.id, "text": "hé"}
        for body in ({"json": given}, {"data": given}, {"data": parts}, {"params": given}):
            status, answer, _ = await post(scene, "sendMessage", **body)
            assert (status, answer["ok"], answer["result"]["text"]) == (200, True, "hé")


async def test_methods_are_named_without_regard_to_case_and_unknown_ones_are_not_found() -> None:
    async with telegram() as scene:
        assert (await post(scene, "GETME"))[1]["result"]["id"] == scene.account.id
        status, answer, _ = await post(scene, "sendFax")
        assert (status, answer) == (404, {"ok": False, "error_code": 404, "description": "Not Found: method not found"})
        assert scene.server.calls == {"getMe": 1, "sendFax": 1}


async def test_a_body_that_is_not_json_is_refused() -> None:
    async with telegram() as scene:
        status, answer, _ = await post(scene, "sendMessage", data=b"{", headers={"Content-Type": "application/json"})
        assert (status, answer["description"]) == (400, "Bad Request: can't parse JSON object")


async def test_a_429_names_the_wait_three_times() -> None:
    async with telegram() as scene:
        scene.server.fail_next(Fault.limit(7))
        status, answer, header = await post(scene, "sendMessage", json={"chat_id": scene.ann.id, "text": "hello"})
        assert (status, header) == (429, "7")
        assert answer == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 7",
            "parameters": {"retry_after": 7},
        }


async def test_a_limit_reached_by_itself_has_the_header_too() -> None:
    async with telegram(replace(Limits(), private_burst=1, penalty_s=1.5), frozen=True) as scene:
        answers = [await post(scene, "sendMessage", json={"chat_id": scene.ann.id, "text": "hello"}) for _ in range(2)]
        assert [(status, header) for status, _, header in answers] == [(200, ""), (429, "3")]


async def test_a_second_409_soon_after_another_is_held_back() -> None:
    async with telegram(replace(Limits.none(), conflict_s=0.6)) as scene:
        loop = asyncio.get_running_loop()
        polls = [asyncio.create_task(post(scene, "getUpdates", json={"timeout": 30})) for _ in range(3)]
        began = loop.time()
        done, _ = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        assert loop.time() - began < 0.5
        assert [task.result()[0] for task in done] == [409]
        scene.ann.say("for one of them")
        statuses = sorted([(await poll)[0] for poll in polls])
        assert statuses == [200, 409, 409]
        assert loop.time() - began > 0.5


async def test_set_webhook_twice_in_a_second_is_too_much() -> None:
    async with telegram(replace(Limits.none(), set_webhook_s=1.0), frozen=True) as scene:
        answers = [await post(scene, "setWebhook", json={"url": "http://127.0.0.1:1/x"}) for _ in range(2)]
        assert [status for status, _, _ in answers] == [200, 429]


async def test_calls_take_as_long_as_the_way_is() -> None:
    async with telegram(latency=lambda: 0.1) as scene:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await post(scene, "getMe")
        assert loop.time() - began >= 0.1


async def test_an_update_may_be_empty_but_for_its_number() -> None:
    async with telegram() as scene:
        update_id = scene.server.inject_update(b"{}")
        assert (await post(scene, "getUpdates"))[1]["result"] == [{"update_id": update_id}]


async def test_what_is_no_bot_path_is_not_found() -> None:
    async with telegram() as scene, aiohttp.ClientSession() as http:
        async with http.get(f"{scene.server.url}/elsewhere") as response:
            assert (response.status, (await response.json())["description"]) == (404, "Not Found")
        async with http.get(f"{scene.server.url}/file/bot{scene.account.token}/documents/none.pdf") as response:
            assert response.status == 404
        async with http.get(f"{scene.server.url}/botnotatoken/getMe") as response:
            assert (await response.json())["description"] == "Unauthorized: invalid token specified"


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.lost_answer()])
async def test_a_cut_connection_is_reset_and_the_next_one_works(fault: Fault) -> None:
    async with telegram() as scene:
        scene.server.fail_next(fault)
        with pytest.raises(aiohttp.ClientConnectionError):
            await post(scene, "getMe")
        assert (await post(scene, "getMe"))[0] == 200
