"""A value that is made when it is first asked for, once, however many ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A value made at most once; a failed attempt is not kept, so the next caller tries again.

    Args:
        make: makes the value; heavy work belongs into a thread (see `in_thread`).
    """

    __slots__ = ("_make", "_make_here", "_task", "_value")

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make: Callable[[], Awaitable[T]] | None = make
        self._make_here: Callable[[], T] | None = None
        self._task: asyncio.Future[T] | None = None
        self._value: T | None = None

    @classmethod
    def of(cls, value: T) -> Lazy[T]:
        """Wrap a value that is there already."""

        async def there() -> T:
            return value

        lazy = cls(there)
        lazy._value = value
        return lazy

    @classmethod
    def in_thread(cls, make: Callable[[], T]) -> Lazy[T]:
        """Make the value by a blocking function, beside the event loop."""
        return cls(lambda: asyncio.to_thread(make))

    @classmethod
    def here(cls, make: Callable[[], T]) -> Lazy[T]:
        """Make the value by a function that takes less time than going to a thread."""

        async def made() -> T:
            return make()

        lazy = cls(made)
        lazy._make_here = make
        return lazy

    @property
    def ready(self) -> T | None:
        """The value if it has been made."""
        return self._value

    def take(self) -> T | None:
        """Give the value if it has been made, or can be made at once."""
        if self._value is None and self._make_here is not None:
            self._value = self._make_here()
            self._forget()
        return self._value

    async def get(self) -> T:
        """Give the value; the first caller starts the work and all others wait for it.

        A caller that goes away does not stop the work for the others.
        """
        if self._value is not None:
            return self._value
        if self._task is None:
            assert self._make is not None
            self._task = asyncio.ensure_future(self._make())
            self._task.add_done_callback(self._settle)
        return await asyncio.shield(self._task)

    def _settle(self, task: asyncio.Future[T]) -> None:
        # Reading the exception here keeps asyncio quiet when every caller has gone away.
        if task.cancelled() or task.exception() is not None:
            self._task = None
        else:
            self._value = task.result()
            self._forget()

    def _forget(self) -> None:
        # What makes a value may hold what holds this: nothing but the collector would free them.
        if self._value is not None:
            self._make = self._make_here = None
