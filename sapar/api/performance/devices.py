"""Device health: what each device says, what is missing, and how the two devices of a bus agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

SILENT_S = 600.0
"""A device in a bus whose other device was heard so much later has a fault of its own."""


def device_figures(rows: Iterable[Sequence[Any]], now_s: float) -> dict[str, Any]:
    """Put rows of `list_devices` into what the page shows.

    Args:
        rows: of the query.
        now_s: the city's time, by which receipts are told.

    Returns:
        `devices`, each with a `state`: `heard` (within ten minutes), `silent`, `never`; and
        `suspect` when the other device in its bus was heard ten minutes later or more.
        `counts` by state.
    """
    devices = [_device(row, now_s) for row in rows]
    newest: dict[str, float] = defaultdict(float)
    for device in devices:
        if device["vehicle_id"] is not None and device["received_s"] is not None:
            bus = device["vehicle_id"]
            newest[bus] = max(newest[bus], device["received_s"])
    for device in devices:
        other = newest.get(device["vehicle_id"] or "", 0.0)
        device["suspect"] = other - (device["received_s"] or 0.0) >= SILENT_S and other > 0.0
    counts: dict[str, int] = dict.fromkeys(("known", "heard", "silent", "never", "backlog"), 0)
    for device in devices:
        counts["known"] += 1
        counts[device["state"]] += 1
        counts["backlog"] += bool(device["backlog"])
    return {"devices": devices, "counts": counts}


def _device(row: Sequence[Any], now_s: float) -> dict[str, Any]:
    device_id, kind, vehicle_id, fix_s, fix_at, tap_s, tap_at, online, status, status_at = row[:10]
    gaps, missing, refused, codes = row[10:]
    status = status or {}
    moments = [at for at in (fix_at, tap_at, status_at if online else None) if at is not None]
    received_s = max(moments, default=None)
    clock_s = _clock_offset(status, status_at)
    age_s = None if received_s is None else max(0.0, now_s - received_s)
    state = "never" if age_s is None else "heard" if age_s <= SILENT_S else "silent"
    return {
        "device_id": device_id,
        "kind": kind,
        "vehicle_id": vehicle_id,
        "state": state,
        "age_s": None if age_s is None else round(age_s, 1),
        "received_s": received_s,
        "record_s": max((at for at in (fix_s, tap_s) if at is not None), default=None),
        "online": online,
        "backlog": status.get("backlog"),
        "firmware": status.get("firmware"),
        "battery_v": status.get("battery_v"),
        "clock_s": clock_s,
        "gaps": gaps,
        "missing": missing,
        "refused": refused,
        "refused_codes": codes or [],
    }


def _clock_offset(status: dict[str, Any], status_at: float | None) -> float | None:
    """How far a device's clock is ahead, by its newest status message; wire time is in it."""
    time_ms = status.get("time_ms")
    if time_ms is None or status_at is None:
        return None
    return round(float(time_ms) / 1000.0 - status_at, 1)
