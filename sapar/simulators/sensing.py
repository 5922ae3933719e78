"""From where a bus truly is to what its device makes of it: records, with faults. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from sapar.contract.codec import encode
from sapar.contract.messages import Event, Fix, Shift
from sapar.core.geometry import to_degrees
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.buses import BusFleet, Phase, Sight
from sapar.simulators.device import DeviceClient
from sapar.simulators.faults import PLANTED, FaultModel
from sapar.simulators.incidents import Incidents
from sapar.simulators.outbox import Entry, pair
from sapar.simulators.signon import SignOns
from sapar.simulators.truth import Note

_GPS_EPOCH_MS = 315_964_800_000  # 1980-01-06: what receivers tell before they know the time
_AHEAD_MS = 8 * 3600 * 1000
_IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"latitude": 91.5},
    {"longitude": -200.0},
    {"speed_mps": 312.5},
    {"bearing_deg": 511.0},
    {"odometer_m": -7.0},
    {"satellites": 255},
    {"trip_id": "x" * 65},
    {"driver_id": ""},
)


class Sensors:
    """Turns sights of vehicles into records on their devices.

    Args:
        fleet, faults, sign_ons: the vehicles, what goes wrong, and what drivers sign on to.
        devices: one per vehicle, in the plan's order.
        box: (min_lat, min_lon, max_lat, max_lon) that good positions stay in.
        incidents: planted ones, if any.
    """

    def __init__(
        self,
        fleet: BusFleet,
        faults: FaultModel,
        sign_ons: SignOns,
        devices: Sequence[DeviceClient],
        box: tuple[float, float, float, float],
        incidents: Incidents | None = None,
    ) -> None:
        self._fleet, self._faults, self._sign_ons = fleet, faults, sign_ons
        self._devices, self._box = devices, box
        self._incidents = incidents
        self._on = np.zeros(fleet.count, np.bool_)
        self._planted = 0

    def observe(self, vehicle: Ints, ahead_s: float) -> Sight:
        """Let each device named make its fix now, if it is on; give where the vehicles were."""
        vehicle = self._switch(vehicle)
        sight = self._fleet.look(vehicle, ahead_s)
        draw = self._faults.draw(vehicle, sight.time_s)
        silent = draw.silent
        if self._incidents is not None:
            sight = self._incidents.alter(sight)
            silent = silent | self._incidents.silent(vehicle, sight.time_s)
            for number, kind in self._incidents.events(vehicle, sight.time_s):
                self._event(number, sight.time_s, kind)
        lat, lon = self._displaced(sight, draw.east_m, draw.north_m)
        bearing = np.round(sight.bearing_deg + self._faults.noise_m[vehicle] * 0.5, 0) % 360
        wrong = self._faults.wrong_until_s[vehicle] > sight.time_s
        for row, number in enumerate(vehicle.tolist()):
            if silent[row]:
                if draw.lost_sky[row]:
                    self._event(number, sight.time_s, "gps_lost")
                continue
            device = self._devices[number]
            signed = self._sign_ons.find(
                number, self._fleet.find_run(int(sight.run[row])), wrong=bool(wrong[row])
            )
            if self._incidents is not None:
                signed = self._incidents.sign_on(number, signed, sight.time_s)
            moving = sight.speed_mps[row] > 0.7
            fix = Fix(
                epoch=device.epoch,
                seq=device.next_seq("gps"),
                time_ms=round(sight.time_s * 1000) + int(draw.skew_ms[row]),
                latitude=float(lat[row]),
                longitude=float(lon[row]),
                speed_mps=round(float(sight.speed_mps[row]), 1),
                bearing_deg=float(bearing[row]) if moving else None,
                odometer_m=round(float(sight.odometer_m[row])),
                accuracy_m=round(float(self._faults.noise_m[number]) * 1.5, 1),
                satellites=7 + number % 9,
                trip_id=signed.trip_id,
                route_id=signed.route_id,
                block_id=signed.block_id,
                driver_id=f"D{number + 1:04d}",
                doors_open=bool(sight.doors_open[row]),
                ignition=True,
                occupancy_count=int(sight.riders[row]) if number % 3 == 0 else None,
            )
            self._keep(device, fix, draw.name(row))
        return sight

    def _displaced(self, sight: Sight, east_m: Any, north_m: Any) -> tuple[Any, Any]:
        """Add the receiver's error; a jump stays within the network's box."""
        low_lat, low_lon, high_lat, high_lon = self._box
        middle = (low_lat + high_lat) / 2
        d_lat, d_lon = to_degrees(east_m, north_m, (middle, 0.0))
        lat = np.clip(sight.latitude + (d_lat - middle), low_lat, high_lat)
        lon = np.clip(sight.longitude + d_lon, low_lon, high_lon)
        return np.round(lat, 6), np.round(lon, 6)

    # -- records ------------------------------------------------------------------------------

    def _keep(self, device: DeviceClient, fix: Fix, fault: str) -> None:
        if fault in PLANTED:
            self._plant(device, fix, fault)
            return
        note = Note(fix.time_ms, fault=fault)
        if fault == "conflict":
            other = msgspec.structs.replace(fix, latitude=(fix.latitude or 0.0) + 0.00005)
            encoding = device.options.encoding
            both = pair(encode(fix, encoding), encode(other, encoding), encoding)
            note = Note(fix.time_ms, fault=fault, variants=2)
            device.keep(Entry("gps", fix.epoch, fix.seq, both, records=2, note=note))
            return
        entry = device.record("gps", fix, note)
        entry.copies = 2 if fault == "duplicate" else 1

    def _plant(self, device: DeviceClient, fix: Fix, code: str) -> None:
        """Make the fix into one that must be refused with `code`."""
        self._planted += 1
        changed: Fix = msgspec.structs.replace(fix, **self._changes(fix, code))
        note = Note(changed.time_ms, expected=code, fault=code)
        payload = encode(changed, device.options.encoding)
        alone = code in {"decode_error", "missing_field"}
        if code == "decode_error":
            payload = payload[: len(payload) * 3 // 5]
        elif code == "missing_field":
            content = msgspec.to_builtins(changed)
            del content["time_ms"]
            payload = encode(content, device.options.encoding)
        device.keep(Entry("gps", fix.epoch, fix.seq, payload, alone=alone, note=note))

    def _changes(self, fix: Fix, code: str) -> dict[str, Any]:
        lat, lon = fix.latitude or 0.0, fix.longitude or 0.0
        changes: dict[str, dict[str, Any]] = {
            "no_fix": {"latitude": None, "longitude": None, "satellites": 0},
            "null_island": {"latitude": 0.0, "longitude": 0.0},
            "impossible_value": _IMPOSSIBLE[self._planted % len(_IMPOSSIBLE)],
            "outside_area": {"latitude": lat - (6.0 if lat > 0 else -6.0), "longitude": lon + 5.0},
            "clock_future": {"time_ms": fix.time_ms + _AHEAD_MS},
            "clock_absurd": {"time_ms": _GPS_EPOCH_MS + fix.seq * 5000},
        }
        return changes.get(code, {})

    # -- ignition -----------------------------------------------------------------------------

    def _switch(self, vehicle: Ints) -> Ints:
        """Start and end duties: power and shift records; give the vehicles whose device is on."""
        powered = self._fleet.powered()
        for number in vehicle[powered[vehicle] & ~self._on[vehicle]].tolist():
            self._event(number, self._fleet.time_s, "power_on")
            self._shift(number, "sign_on")
        for number in vehicle[~powered[vehicle] & self._on[vehicle]].tolist():
            self._shift(number, "sign_off")
            self._event(number, self._fleet.time_s, "power_off")
        self._on[vehicle] = powered[vehicle]
        return vehicle[powered[vehicle]]

    def _event(self, number: int, time_s: float, kind: str) -> None:
        device = self._devices[number]
        time_ms = round(time_s * 1000)
        event = Event(epoch=device.epoch, seq=device.next_seq("event"), time_ms=time_ms, kind=kind)
        device.record("event", event, Note(time_ms))

    def _shift(self, number: int, action: str) -> None:
        device = self._devices[number]
        time_ms = round(self._fleet.time_s * 1000)
        run = self._fleet.find_run(int(self._fleet.run[number]))
        signed = self._sign_ons.find(number, run, wrong=False)
        shift = Shift(
            epoch=device.epoch,
            seq=device.next_seq("shift"),
            time_ms=time_ms,
            action="sign_on" if action == "sign_on" else "sign_off",
            driver_id=f"D{number + 1:04d}",
            trip_id=signed.trip_id,
            route_id=signed.route_id,
            block_id=signed.block_id,
        )
        device.record("shift", shift, Note(time_ms))


def truth_rows(fleet: BusFleet, vehicle_ids: Sequence[str], sight: Sight) -> list[str]:
    """Write a sight as lines of `truth.csv` (see `sapar.simulators.truth`)."""
    timetable, rows = fleet.timetable, []
    trips = timetable.trips
    for row, number in enumerate(sight.vehicle.tolist()):
        run = fleet.find_run(int(sight.run[row]))
        ids = ("", "", "", "", "")
        if run is not None:
            block = int(trips.block_idx[run.trip_idx])
            ids = (
                _csv(trips.ids[run.trip_idx]),
                run.service_date.strftime("%Y%m%d"),
                clock_text(run.start_s),
                _csv(timetable.routes.ids[trips.route_idx[run.trip_idx]]),
                _csv(timetable.blocks.ids[block]) if block >= 0 else "",
            )
        delay = "" if np.isnan(sight.delay_s[row]) else f"{sight.delay_s[row]:.0f}"
        rows.append(
            f"{sight.time_s:.1f},{vehicle_ids[number]},{sight.latitude[row]:.6f},"
            f"{sight.longitude[row]:.6f},{sight.speed_mps[row]:.2f},"
            f"{Phase(int(sight.phase[row])).name.lower()},{ids[0]},{ids[1]},{ids[2]},"
            f"{sight.along_m[row]:.1f},{delay},{ids[3]},{ids[4]}"
        )
    return rows


def clock_text(second: int) -> str:
    """Write seconds of a service day as GTFS does, past 24:00:00 where need be."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _csv(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text
