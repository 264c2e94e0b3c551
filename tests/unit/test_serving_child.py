"""The processes of a node: as many as it wants, each seen to its end."""

import asyncio
import sys

from serving.child import Child

SLEEPS = (sys.executable, "-c", "import sys; sys.stdin.read()")


async def test_the_end_of_each_of_many_is_seen() -> None:
    many = [await Child.start(SLEEPS, b"", lambda _: None) for _ in range(40)]
    try:
        many[-1].kill()
        assert await asyncio.wait_for(many[-1].ended(), 10) == -9
    finally:
        ends = await asyncio.wait_for(asyncio.gather(*(child.stop(0) for child in many)), 20)
    assert set(ends) == {-9}
