"""Wialon IPS 1.1 packets, parsed and answered: text lines in, fixes and answers out. Pure.

A line is `#type#message` and ends with CR LF. The protocol has no sequence numbers, so a record's
identity is made of its content: the same packet sent again is the same record, with no state to
keep in the gateway.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from sapar.contract.messages import Fix

EPOCH: Final = 0
"""Epoch of all records that come this way: below that of any firmware that counts itself."""

_CONTENT_BITS: Final = 20
_KMH_PER_MPS: Final = 3.6
_FIELDS_SHORT: Final = 10
_FIELDS_FULL: Final = 16
_LATITUDE = re.compile(r"(\d{2})(\d{2}(?:\.\d+)?)")
_LONGITUDE = re.compile(r"(\d{3})(\d{2}(?:\.\d+)?)")
_DATE, _TIME = re.compile(r"\d{6}"), re.compile(r"(\d{6})(?:\.\d+)?")

Code = Literal["-1", "0", "10", "11", "12"]
"""The protocol's words for structure, time, coordinates, speed or course, and satellites."""


@dataclass(frozen=True, slots=True)
class Login:
    """`#L#id;password`: who speaks on this connection."""

    device_id: str
    password: str


@dataclass(frozen=True, slots=True)
class Data:
    """`#SD#`, `#D#` or `#B#`: positions.

    Attributes:
        kind: the packet's type.
        fixes: what could be read, in order.
        refused: why the others could not; one code for each.
    """

    kind: Literal["SD", "D", "B"]
    fixes: tuple[Fix, ...]
    refused: tuple[Code, ...] = ()

    def answer(self) -> str:
        """Give the line that lets the tracker forget what it sent."""
        if self.kind == "B":
            return f"#AB#{len(self.fixes)}\r\n"
        return f"#A{self.kind}#{self.refused[0] if self.refused else '1'}\r\n"


@dataclass(frozen=True, slots=True)
class Ping:
    """`#P#`: a sign of life."""


@dataclass(frozen=True, slots=True)
class Other:
    """A type that this gateway has no use for (messages to the driver, pictures, …)."""

    kind: str


class BadPacket(ValueError):
    """A data message that cannot be read.

    Attributes:
        code: the protocol's word for what is wrong with it.
    """

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


def parse_line(line: str) -> Login | Data | Ping | Other | None:
    """Parse one line without its end; None when it has not the form of a packet."""
    found = re.fullmatch(r"#([A-Z]{1,3})#(.*)", line, re.DOTALL)
    if found is None:
        return None
    kind, message = found[1], found[2]
    if kind == "L":
        device_id, _, password = message.partition(";")
        return Login(device_id, password)
    if kind == "P":
        return Ping()
    match kind:
        case "SD":
            return _data("SD", [message])
        case "D":
            return _data("D", [message])
        case "B":
            return _data("B", [part for part in message.split("|") if part])
        case _:
            return Other(kind)


def _data(kind: Literal["SD", "D", "B"], messages: list[str]) -> Data:
    fixes: list[Fix] = []
    refused: list[Code] = []
    for message in messages:
        try:
            fixes.append(parse_fix(message, full=kind == "D"))
        except BadPacket as exc:
            refused.append(exc.code)
    return Data(kind, tuple(fixes), tuple(refused))


def parse_fix(message: str, *, full: bool) -> Fix:
    """Parse `date;time;lat1;lat2;lon1;lon2;speed;course;height;sats`, and more fields if `full`.

    A black box holds short and full messages; the fields after `sats` are not used.

    Raises:
        BadPacket: with the protocol's code.
    """
    fields = message.split(";")
    if len(fields) != (_FIELDS_FULL if full else _FIELDS_SHORT) and (
        full or len(fields) != _FIELDS_FULL
    ):
        raise BadPacket("-1")
    time_ms = _time_ms(fields[0], fields[1])
    latitude = _degrees(_LATITUDE, fields[2], fields[3], "NS")
    longitude = _degrees(_LONGITUDE, fields[4], fields[5], "EW")
    speed_kmh, course = _number(fields[6], "11"), _number(fields[7], "11")
    satellites = _number(fields[9], "12")
    return Fix(
        epoch=EPOCH,
        seq=sequence_of(time_ms, message),
        time_ms=time_ms,
        latitude=latitude,
        longitude=longitude,
        speed_mps=None if speed_kmh is None else round(speed_kmh / _KMH_PER_MPS, 2),
        # a standing receiver's course is noise
        bearing_deg=None if not speed_kmh else course,
        satellites=None if satellites is None else int(satellites),
    )


def sequence_of(time_ms: int, message: str) -> int:
    """Make a record's number of its content: the second, then 20 bits of a checksum.

    Two different messages of one second share a number once in a million, and are kept as a
    conflict then; the same message always has the same number.
    """
    checksum = zlib.crc32(message.encode()) & ((1 << _CONTENT_BITS) - 1)
    return (time_ms // 1000) << _CONTENT_BITS | checksum


def _time_ms(date: str, time: str) -> int:
    """Read DDMMYY and HHMMSS, UTC.

    The protocol lets a server put its own time in place of `NA`. This one refuses: the same packet
    sent again would be another record.
    """
    match = _TIME.fullmatch(time)
    if match is None or _DATE.fullmatch(date) is None:
        raise BadPacket("0")
    try:
        parsed = datetime.strptime(date + match[1], "%d%m%y%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadPacket("0") from None
    return int(parsed.timestamp()) * 1000


def _degrees(form: re.Pattern[str], value: str, side: str, sides: str) -> float | None:
    """Read degrees and minutes run together (`5017.0340` north is 50.2839); NA is no fix."""
    if value == "NA" and side == "NA":
        return None
    match = form.fullmatch(value)
    if match is None or side not in tuple(sides):
        raise BadPacket("10")
    degrees = int(match[1]) + float(match[2]) / 60
    return round(degrees if side == sides[0] else -degrees, 7)


def _number(value: str, code: Code) -> float | None:
    if value in {"NA", ""}:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value) is None:
        raise BadPacket(code)
    return float(value)
