"""The finance desk's own connections are bounded: who comes when all places are taken waits."""

import asyncio

import pytest

from sapar.api.places import Places
from sapar.core.errors import Unavailable


async def test_no_more_at_once_than_there_are_places() -> None:
    places, at_once, most = Places(2), 0, 0

    async def work() -> None:
        nonlocal at_once, most
        async with places.room():
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert (at_once, most) == (0, 2)


async def test_who_waits_in_vain_is_told_and_what_fails_gives_its_place_back() -> None:
    places = Places(1, wait_s=0.01)
    with pytest.raises(RuntimeError):
        async with places.room():
            raise RuntimeError
    async with places.room():
        with pytest.raises(Unavailable) as refused:
            async with places.room():
                pass
        assert refused.value.code == "busy"
    async with places.room():
        pass
