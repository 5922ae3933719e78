"""What really happened, written beside the messages while a simulation or replay runs.

In the folder given:

- `published.csv`: every record at its first publication: `wall_s, agency_id, device_id,
  vehicle_id, kind, epoch, seq, variant, time_ms, expected, live, fault`. `expected` is `stored` or
  the code that it must be refused with; `live` is 1 when it was its vehicle's newest good fix;
  `variant` is 1 for the second content of a number.
- `truth.csv`: `time_s, vehicle_id, latitude, longitude, speed_mps, phase, trip_id, start_date,
  start_time, along_m, delay_s, route_id, block_id`, every few seconds of transit time.
- `in_service.jsonl`: one line every five wall seconds, `{"wall_s", "time_s", "in_service": [...]}`.
- `summary.json`: counters and the newest list of vehicles in service; replaced as a whole.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from sapar.simulators.device import DeviceClient
from sapar.simulators.outbox import Entry

PUBLISHED_COLUMNS = (
    "wall_s,agency_id,device_id,vehicle_id,kind,epoch,seq,variant,time_ms,expected,live,fault"
)
TRUTH_COLUMNS = (
    "time_s,vehicle_id,latitude,longitude,speed_mps,phase,trip_id,start_date,start_time,along_m,"
    "delay_s,route_id,block_id"
)
STORED = "stored"


@dataclass(frozen=True, slots=True)
class Note:
    """What the simulator knows about a record.

    Attributes:
        time_ms: device time as sent; expected: `stored` or the code of the refusal.
        fault: name of the fault, or "".
        variants: how many contents share the number.
        second: what is expected of the second content, where it differs.
        also: other answers that may come first, while the server does not know everything.
    """

    time_ms: int
    expected: str = STORED
    fault: str = ""
    variants: int = 1
    second: str = ""
    also: tuple[str, ...] = ()

    def expected_of(self, variant: int) -> str:
        """Give what is expected of one of the contents."""
        return (self.second if variant else "") or self.expected


@dataclass(slots=True)
class Tally:
    """Counters of one run."""

    published: int = 0
    valid: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    mismatched: int = 0


class TruthWriter:
    """Writes the files above; an `Observer` of devices.

    Args:
        folder: where to write; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.tally = Tally()
        self._newest_ms: dict[str, int] = {}
        self._published = self._open("published.csv", PUBLISHED_COLUMNS)
        self._truth = self._open("truth.csv", TRUTH_COLUMNS)
        self._service = self._open("in_service.jsonl", "")

    def _open(self, name: str, header: str) -> IO[str]:
        handle = (self.folder / name).open("w", encoding="utf-8", newline="\n")
        if header:
            handle.write(header + "\n")
        return handle

    def published(self, device: DeviceClient, entries: Sequence[Entry], wall_s: float) -> None:
        """Note the first publication of entries that travel in one message."""
        who = device.credentials
        notes = [(entry, entry.note) for entry in entries if isinstance(entry.note, Note)]
        good = [n.time_ms for e, n in notes if n.expected == STORED and e.kind == "gps"]
        newest = max(good, default=None)
        before = self._newest_ms.get(who.vehicle_id, 0)
        for entry, note in notes:
            live = int(
                entry.kind == "gps"
                and note.expected == STORED
                and note.time_ms == newest
                and note.time_ms > before
            )
            self._count(note)
            for variant in range(note.variants):
                self._published.write(
                    f"{wall_s:.3f},{device.agency_id},{who.device_id},{who.vehicle_id},{entry.kind},"
                    f"{entry.epoch},{entry.seq},{variant},{note.time_ms},{note.expected_of(variant)},"
                    f"{live},"
                    f"{note.fault}\n"
                )
        if newest is not None and newest > before:
            self._newest_ms[who.vehicle_id] = newest

    def _count(self, note: Note) -> None:
        self.tally.published += note.variants
        if note.second:
            self.tally.planted[note.second] += 1
        if note.expected == STORED:
            self.tally.valid += note.variants - bool(note.second)
        else:
            self.tally.planted[note.expected] += 1

    def acknowledged(self, device: DeviceClient, entry: Entry, code: str) -> None:  # noqa: ARG002
        """Compare the server's verdict on a record with the one expected."""
        if code:
            self.tally.refused[code] += 1
        else:
            self.tally.stored += entry.records
        note = entry.note
        if isinstance(note, Note):
            right = {note.expected, note.expected_of(1), *note.also}
            self.tally.mismatched += (code or STORED) not in right

    def truth(self, rows: Iterable[str]) -> None:
        """Write lines of `truth.csv`."""
        self._truth.writelines(f"{row}\n" for row in rows)

    def summary(
        self, devices: Sequence[DeviceClient], state: dict[str, Any], *, finished: bool
    ) -> dict[str, Any]:
        """Write `summary.json`, flush the files, and give what was written.

        Args:
            devices: whose counters to add up.
            state: `wall_s`, `time_s`, `in_service` and whatever else belongs to the run.
            finished: this is the last word.
        """
        counts: Counter[str] = Counter()
        for device in devices:
            counts.update(device.counts)
        tally = self.tally
        document: dict[str, Any] = {
            "published": tally.published,
            "published_valid": tally.valid,
            "planted": dict(sorted(tally.planted.items())),
            "acknowledged": {
                "stored": tally.stored,
                "refused": dict(sorted(tally.refused.items())),
            },
            "mismatched": tally.mismatched,
            "unacknowledged": sum(len(device.outbox) for device in devices),
            "overflowed": sum(device.outbox.overflowed for device in devices),
            "messages": counts["messages"],
            "resent": counts["resent"],
            "reconnects": counts["reconnects"],
            "devices": len(devices),
            "plain_devices": [d.credentials.device_id for d in devices if d.options.plain],
            "finished": finished,
            **state,
        }
        line = {key: state[key] for key in ("wall_s", "time_s", "in_service")}
        self._service.write(json.dumps(line) + "\n")
        for handle in (self._published, self._truth, self._service):
            handle.flush()
        part = self.folder / "summary.json.part"
        part.write_text(json.dumps(document), encoding="utf-8")
        os.replace(part, self.folder / "summary.json")  # noqa: PTH105
        return document

    def flush(self) -> None:
        """Let readers see what was written so far."""
        self._published.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the files."""
        for handle in (self._published, self._truth, self._service):
            handle.close()
