"""Work that is done in slices, done without a stop."""

from typing import TypeVar

from sapar.api.arrivals.decode import Live, decode_in_slices, unpack
from sapar.api.arrivals.index import StopIndex
from sapar.api.arrivals.slices import Slices
from sapar.gtfs.realtime.tick import Tick

T = TypeVar("T")


def run_through(work: Slices[T]) -> T:
    """Do all of it without a stop."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def decode_live(tick: Tick, index: StopIndex) -> Live:
    """Read a tick with the timetable that it refers to."""
    return run_through(decode_in_slices(tick, unpack(tick), index))
