"""Where lives with real adapters are born: one forge for the tests of a module, since it takes seconds to load the SDKs."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.receiving.suite import PARTS
from tests.faults.town import Town


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with Town(tmp_path_factory.mktemp("town"), *sorted(set(PARTS.values()))) as made:
        yield made
