"""Tasks end, also those that do not hear the first time."""

import asyncio

from sapar.core import tasks
from sapar.core.tasks import end_tasks


async def test_a_task_that_swallows_a_cancel_ends_all_the_same(monkeypatch):
    monkeypatch.setattr(tasks, "_PATIENCE_S", 0.02)
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    async def failing() -> None:
        raise ValueError

    running = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await end_tasks(running)
    assert all(task.done() for task in running)
    assert swallowed == 3


async def test_no_tasks_are_ended_at_once():
    await end_tasks([])
