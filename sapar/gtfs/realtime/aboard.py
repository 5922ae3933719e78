"""Who drives: the driver that each vehicle named last."""

from __future__ import annotations

DRIVER_AGE_MAX_S = 3600.0
"""Who was named longer ago may have gone home."""


class Drivers:
    """The newest driver of each vehicle, as the operator names them."""

    def __init__(self) -> None:
        self._named: dict[str, tuple[float, str]] = {}

    def take(self, vehicle_id: str, time_s: float, driver_id: str) -> None:
        """Take whom a vehicle names; one older than the last is ignored."""
        known = self._named.get(vehicle_id)
        if known is None or time_s >= known[0]:
            self._named[vehicle_id] = (time_s, driver_id)

    def of(self, vehicle_ids: list[str], now_s: float) -> list[str | None]:
        """Give the drivers of vehicles, None where nobody was named lately."""
        found: list[str | None] = [None] * len(vehicle_ids)
        if not self._named:
            return found
        for row, vehicle_id in enumerate(vehicle_ids):
            known = self._named.get(vehicle_id)
            if known is not None and now_s - known[0] <= DRIVER_AGE_MAX_S:
                found[row] = known[1]
        return found
