"""Erasing what may not be kept any longer, for as long as the instance runs."""

from __future__ import annotations

import asyncio

from sapar.api.rider.filing import Filing
from sapar.core.errors import SaparError
from sapar.core.log import get_logger

_INTERVAL_S = 3600.0
_log = get_logger()


async def forget_by_the_hour(filing: Filing) -> None:
    """Erase contacts and old reports once an hour until cancelled; all instances may."""
    while True:
        try:
            gone = await filing.forget()
            if gone:
                _log.info("reports_forgotten", rows=gone)
        except SaparError as exc:
            _log.warning("reports_not_forgotten", code=exc.code, reason=exc.message)
        await asyncio.sleep(_INTERVAL_S)
