"""What a validator counts for its shift (Z) reports, and the reports. Pure.

It counts each number once, when the tap is made, whatever becomes of the record: a tap that is lost
on the way is missing on the server, and the report says so. Grand totals outlive epochs.
"""

from __future__ import annotations

import random
from typing import Final

from sapar.contract.messages import ProductTotal, ShiftReport, Tap

SHIFT_S: Final = 3_600.0
"""Seconds of transit time after which a simulated driver is relieved."""


class ShiftCounter:
    """The counters of one validator.

    Args:
        begin_ms: when its first shift begins, Unix milliseconds.
        totals: what its grand totals stand at then, as (taps, tiyn).
    """

    def __init__(self, begin_ms: int, totals: tuple[int, int] = (0, 0)) -> None:
        self.shift_no = 1
        self.opened_ms = begin_ms
        self._taps, self._tiyn = totals
        self._begin()

    def _begin(self) -> None:
        self._epoch: int | None = None
        self._first: int | None = None
        self._last: int | None = None
        self._denied = 0
        self._products: dict[str | None, list[int]] = {}

    @property
    def totals(self) -> tuple[int, int]:
        """The grand totals: taps, and tiyn that they took."""
        return self._taps, self._tiyn

    def count(self, tap: Tap) -> None:
        """Count a tap that was made; its epoch is that of the shift's other taps."""
        if self._first is None:
            self._first, self._epoch = tap.seq, tap.epoch
        self._last = tap.seq
        if tap.outcome == "deny":
            self._denied += 1
            return
        charged = tap.charged_tiyn or 0
        product = self._products.setdefault(tap.product_id, [0, 0])
        product[0] += 1
        product[1] += charged
        self._taps += 1
        self._tiyn += charged

    def close(self, now_ms: int, epoch: int) -> ShiftReport:
        """End the shift, and begin the next one.

        Args:
            now_ms: Unix milliseconds.
            epoch: of a shift in which nobody tapped.
        """
        report = ShiftReport(
            epoch=epoch if self._epoch is None else self._epoch,
            shift_no=self.shift_no,
            opened_ms=self.opened_ms,
            closed_ms=max(now_ms, self.opened_ms),
            first_seq=self._first,
            last_seq=self._last,
            products=[
                ProductTotal(product_id=name, taps=taps, sum_tiyn=tiyn)
                for name, (taps, tiyn) in self._products.items()
            ],
            denied=self._denied,
            total_taps=self._taps,
            total_tiyn=self._tiyn,
        )
        self.shift_no += 1
        self.opened_ms = report.closed_ms
        self._begin()
        return report

    def begin_epoch(self) -> None:
        """Number the shifts from 1 again; call it after the last shift of an epoch was closed."""
        self.shift_no = 1


def first_end_s(begin_s: float, draw: random.Random, shift_s: float) -> float:
    """Give when a validator's first shift ends: drivers are not relieved all at once."""
    return begin_s + draw.uniform(0.1, 1.0) * shift_s
