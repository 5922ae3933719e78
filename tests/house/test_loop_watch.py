"""The watch on event loops does what it says: tried on small test files of its own."""

import pytest

CONFIG = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""

BAD = """
import asyncio

async def test_task_that_dies_unobserved():
    async def die():
        raise RuntimeError("nobody looks")
    asyncio.create_task(die())
    await asyncio.sleep(0.01)

async def test_callback_that_raises():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)

def test_loop_of_its_own():
    async def main():
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0.01)
    asyncio.run(main())
"""

GOOD = """
import asyncio

async def test_after_it():
    await asyncio.sleep(0)

async def test_handled():
    async def die():
        raise RuntimeError("looked at")
    try:
        await asyncio.create_task(die())
    except RuntimeError:
        pass

async def test_that_handles_itself():
    seen = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context))
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0.01)
    assert len(seen) == 1
"""


def test_unhandled_exceptions_fail_their_own_test(pytester: pytest.Pytester):
    pytester.makeini(CONFIG)
    pytester.makepyfile(test_bad=BAD, test_good=GOOD)
    result = pytester.runpytest_subprocess("-p", "tests.loop_watch", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=3, passed=3)
    result.stdout.fnmatch_lines(["*nobody looks*"])
