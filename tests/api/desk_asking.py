"""What tests of the desk's alarms and emergencies share: asking a living town."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sapar.core.db import connect_async
from sapar.gtfs.realtime.tick import CONSOLE
from tests.api.living_town import LivingTown


async def wait_for(ask: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Ask until the answer is true; give it."""
    async with asyncio.timeout(timeout_s):
        while not (found := await ask()):
            await asyncio.sleep(0.1)
        return found


async def get(town: LivingTown, path: str) -> Any:
    response = await town.http.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def post(town: LivingTown, path: str, **body: object) -> Any:
    response = await town.http.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def console(town: LivingTown) -> dict[str, Any]:
    return json.loads(town.ticks[-1].bodies[CONSOLE].plain())


async def rows(town: LivingTown, query: str) -> list[tuple[Any, ...]]:
    async with await connect_async(town.instance.conninfo) as connection:
        return await (await connection.execute(query)).fetchall()
