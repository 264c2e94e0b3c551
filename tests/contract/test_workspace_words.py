"""What the settings say of a workspace: into an empty database by itself, into any other when asked."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.settings import WorkspaceSettings
from bot.store import workspaces
from bot.store.store import Store
from bot.store.tables import prompt_version
from tests.contract.stores import KINDS, open_store

FIRST = WorkspaceSettings(name="Shop", greeting="Hello!", prompt="Be kind.", contact="")


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with open_store(request.param, request) as made:
        yield made


async def seeded(store: Store) -> workspaces.WorkspaceContent:
    workspace_id = await store.write(workspaces.seed, FIRST.name, FIRST.timezone, FIRST.greeting, FIRST.prompt, FIRST.contact)
    return await store.read(workspaces.load, workspace_id)


async def test_an_empty_database_has_no_words_to_differ_from(store: Store) -> None:
    assert await store.read(workspaces.differing, FIRST) == []
    assert await store.write(workspaces.apply, FIRST) == []


async def test_changed_words_are_named_and_applied_once(store: Store) -> None:
    before = await seeded(store)
    later = FIRST.model_copy(update={"contact": "Call 555 0100", "greeting": "Good day!", "model": "support"})
    assert await store.read(workspaces.differing, later) == ["greeting", "contact", "model"]
    assert await store.read(workspaces.models) == []
    assert await store.write(workspaces.apply, later) == ["greeting", "contact", "model"]
    assert await store.read(workspaces.models) == [("Shop", "support")]
    assert await store.write(workspaces.apply, later) == []
    now = await store.read(workspaces.load, before.workspace_id)
    assert now == replace(before, contact="Call 555 0100", greeting="Good day!", model="support")


async def test_a_changed_prompt_is_the_next_version_and_the_old_one_stays(store: Store) -> None:
    before = await seeded(store)
    await store.write(workspaces.apply, FIRST.model_copy(update={"prompt": "Be brief."}))
    now = await store.read(workspaces.load, before.workspace_id)
    assert (now.prompt_version, now.prompt) == (2, "Be brief.")
    texts = sa.select(prompt_version.c.version, prompt_version.c.text).order_by(prompt_version.c.version)
    assert await store.read(lambda connection: [tuple(row) for row in connection.execute(texts)]) == [
        (1, "Be kind."),
        (2, "Be brief."),
    ]
