"""Reminds the desks of acts that are about to end: the pages fetch the list and say so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.dispatch.desk.acts import REMINDER_S, remind

_LOOK_S = 2.0
_log = get_logger()


async def remind_of_endings(pool: Pool, clock: Clock) -> None:
    """Tell pages when an act comes within `REMINDER_S` of its end, and when it ends.

    Several at work at once tell twice, which costs a page one more request.
    """
    looked = clock.now()
    while True:
        await asyncio.sleep(_LOOK_S)
        now = clock.now()
        try:
            for ahead in (timedelta(seconds=REMINDER_S), timedelta()):
                await remind(pool, looked + ahead, now + ahead)
        except SaparError as exc:
            _log.warning("reminders_wait", code=exc.code, reason=exc.message)
            continue
        looked = now
