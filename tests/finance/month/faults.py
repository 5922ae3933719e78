"""What goes wrong in the month, and which exception each fault must become. Days are of April."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sapar.contract.messages import Tap
from tests.finance.month.riding import Day

LOST_DAY, LOST_DEVICE, LOST_TAPS = 5, "validator-3", slice(10, 17)
"""A validator's storage loses seven taps; its shift report still counts them."""
TWICE_DAYS = (3, 11)
"""A validator sends all of the day again, in other batches."""
SHORT_DAY, SHORT_TIYN = 8, 14_000_00
"""The kiosk pays in that much less than it sold."""
DOUBLED_DAY = 10
"""The bank shows the shop's deposit of this day twice."""
FEE_DAY, FEE_TIYN = 12, 250_00
"""The wallet keeps that much more than was agreed."""
LATE_DAY, LATE_DEVICE, LATE_UNTIL = 14, "validator-5", 17
"""A bus without a connection: taps and shift report of a day come after the day was closed."""
REFUND_DAY = 18
"""A rider is given a fare back, another one is paid out what is on the card."""
UNSOLD_DAY = 20
"""The shop's register leaves one sale out."""
DISPUTED, DISPUTED_TIYN = "south", 500_00
"""A carrier's statement is disputed for that much."""


class Fault(NamedTuple):
    """An exception: its kind, the day whose close it stands in the way of, and its worth."""

    kind: str
    day: date | None
    value_tiyn: int


def lost(day: Day) -> list[Tap]:
    """Give the taps that are lost on a day."""
    if day.service_date.day != LOST_DAY:
        return []
    return day.taps[LOST_DEVICE][LOST_TAPS]


def is_late(day: Day, device: str) -> bool:
    """Whether all of a validator's day comes late."""
    return (day.service_date.day, device) == (LATE_DAY, LATE_DEVICE)
