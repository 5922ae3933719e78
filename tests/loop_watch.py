"""An exception that nobody handled in an event loop fails the test that caused it.

asyncio only logs such an exception (a task that died unobserved, a callback that raised), so a test
whose background half is broken would pass. Every loop of the process is watched, also those in
threads; a test that installs an exception handler of its own on its loop is left alone.
"""

import asyncio
import gc
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

_unhandled: list[dict[str, Any]] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collector what stands for the whole session: modules, tests, their parameters.

    It looks for what a test left after each one, and looking through all of that again and again
    took a quarter of a second each time.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    original = asyncio.BaseEventLoop.call_exception_handler

    def watching(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        if loop.get_exception_handler() is None:
            _unhandled.append(context)
        original(loop, context)

    asyncio.BaseEventLoop.call_exception_handler = watching  # type: ignore[assignment,method-assign]
    try:
        return (yield)
    finally:
        asyncio.BaseEventLoop.call_exception_handler = original  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    _unhandled.clear()
    result = yield
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
        gc.collect()  # a task tells that its exception was never read when it is collected
    _complain()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    result = yield
    _complain()  # what came up while the loop was closed
    return result


def _complain() -> None:
    contexts = list(_unhandled)
    _unhandled.clear()
    if not contexts:
        return
    text = "\n".join(f"{c['message']}: {c.get('exception')!r}" for c in contexts)
    pytest.fail(f"unhandled in an event loop:\n{text}", pytrace=False)
