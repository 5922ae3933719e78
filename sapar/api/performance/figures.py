"""From sums to figures: shares with their denominators, waits, percentiles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sapar.gtfs.history.performance import DELAY_FIRST_MIN

Row = Sequence[Any]
KEYS = ("day", "route_id", "direction", "hour")
RUN_COLUMNS = (
    "planned",
    "done",
    "partly",
    "extra",
    "gps_off",
    "planned_km",
    "driven_km",
    "stops_planned",
    "stops_seen",
)


def share(part: float, whole: float) -> float | None:
    """Give part of whole to four places, None of nothing."""
    return round(part / whole, 4) if whole else None


def wait_s(headway_s: float, headway_sq: float) -> float | None:
    """Mean wait of riders who come at random: sum of squared headways over twice their sum."""
    return headway_sq / (2.0 * headway_s) if headway_s else None


def service_figures(service: Iterable[Row], runs: Iterable[Row]) -> list[dict[str, Any]]:
    """Put the rows of `sum_service` and `sum_runs` together by what they have in common."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in service:
        found[tuple(row[:4])] = _service(row)
    for row in runs:
        figures = dict(zip(RUN_COLUMNS, row[4:], strict=True))
        entry = found.setdefault(tuple(row[:4]), _service((*row[:4], *(0,) * 10)))
        entry |= {name: _plain(value) for name, value in figures.items()}
        entry["run_share"] = share(figures["done"], figures["planned"])
        entry["coverage"] = share(figures["stops_seen"], figures["stops_planned"])
    # each part of the keys is null in all of them or in none
    return [found[key] for key in sorted(found, key=lambda key: [p for p in key if p is not None])]


def _service(row: Row) -> dict[str, Any]:
    departures, early, late, headways, bunched, gaps, actual, actual_sq, plan, plan_sq = row[4:]
    wait, planned_wait = wait_s(actual, actual_sq), wait_s(plan, plan_sq)
    excess = None if wait is None or planned_wait is None else wait - planned_wait
    keys = dict(zip(KEYS, row[:4], strict=True))
    return {
        **{name: _plain(value) for name, value in keys.items() if value is not None},
        "departures": int(departures),
        "early": int(early),
        "late": int(late),
        "on_time_share": share(int(departures - early - late), int(departures)),
        "headways": int(headways),
        "bunched": int(bunched),
        "gaps": int(gaps),
        "regular_share": share(int(headways - bunched - gaps), int(headways)),
        "wait_s": _rounded(wait),
        "planned_wait_s": _rounded(planned_wait),
        "excess_wait_s": _rounded(excess),
    }


def histograms(rows: Sequence[Row]) -> dict[str, Any]:
    """Add up the classes of `list_bins`.

    Returns:
        `delay`: `from_min` (lower edge of each class in minutes, null for the first, which has
        none) and `count`; `headway`: `from_share` and `count`.
    """
    delay = np.sum([row[0] for row in rows], axis=0) if rows else np.zeros(0)
    ratio = np.sum([row[1] for row in rows], axis=0) if rows else np.zeros(0)
    return {
        "delay": {
            "from_min": [n + DELAY_FIRST_MIN - 1 if n else None for n in range(len(delay))],
            "count": delay.astype(int).tolist(),
        },
        "headway": {
            "from_share": [n / 10 for n in range(len(ratio))],
            "count": ratio.astype(int).tolist(),
        },
    }


def run_time_figures(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Give percentiles of run times by direction and hour from rows of `list_run_times`."""
    joined: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
    for direction, hour, planned_s, actual_s in rows:
        planned, actual = joined.setdefault((direction, hour), ([], []))
        planned += planned_s
        actual += actual_s
    return [
        {
            "direction": direction,
            "hour": hour,
            "runs": len(actual),
            "planned_s": round(float(np.median(planned))),
            **dict(
                zip(
                    ("p10_s", "p50_s", "p85_s", "p90_s"),
                    np.rint(np.percentile(actual, (10, 50, 85, 90))).astype(int).tolist(),
                    strict=True,
                )
            ),
        }
        for (direction, hour), (planned, actual) in sorted(joined.items())
    ]


def segment_figures(now: Iterable[Row], before: Iterable[Row]) -> list[dict[str, Any]]:
    """Give speeds between stops from rows of `list_segments`, and what they were before."""
    earlier = {(row[0], row[1]): _speeds(row) for row in before}
    found = []
    for row in now:
        entry = {"from_stop_id": row[0], "to_stop_id": row[1], "length_m": round(row[2], 1)}
        entry |= _speeds(row)
        past = earlier.get((row[0], row[1]))
        if past is not None:
            entry["before"] = past
        found.append(entry)
    return found


def _speeds(row: Row) -> dict[str, Any]:
    length_m, passages, seconds, quantiles = row[2:6]
    slow, middle, fast = (length_m / max(quantiles[n], 1.0) * 3.6 for n in (2, 1, 0))
    return {
        "passages": passages,
        # total way over total time: what a rider who rides every bus has
        "mean_kmh": round(length_m * passages / seconds * 3.6, 1),
        "p15_kmh": round(slow, 1),
        "p50_kmh": round(middle, 1),
        "p85_kmh": round(fast, 1),
    }


def eta_figures(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Give shares from rows of `sum_eta`."""
    found = []
    for day, route_id, low, high, scored, never, accurate, mae, bias, within, due, covered in rows:
        keys = {"day": day, "route_id": route_id}
        found.append(
            {
                **{name: _plain(value) for name, value in keys.items() if value is not None},
                "from_min": low,
                "until_min": high,
                "scored": int(scored),
                "never_came": int(never),
                "accurate_share": share(int(accurate), int(scored + never)),
                "within_bounds_share": share(int(within), int(scored)),
                "coverage": share(int(covered), int(due)),
                "mae_s": _rounded(mae),
                "bias_s": _rounded(bias),
            }
        )
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return value.isoformat() if hasattr(value, "isoformat") else _whole(value)


def _whole(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else round(float(value), 3)


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 1)
