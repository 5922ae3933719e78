"""What the broker refused, read from its log.

The broker answers a publish that its access rules refuse as if it had been taken (MQTT 3.1.1 knows
no other answer), and drops what exceeds a queue without a word to the sender. Its log is the only
witness.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Refusals = Counter[tuple[str, str]]
"""How often, by (reason, user name); the name is empty where the log does not tell who it was."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One kind of refusal.

    Attributes:
        code: stable name.
        meaning: what happened, in one line.
        needle: bytes of the log line that no other kind has.
        names_user: the client that the line names has been let in, so its name can be trusted; an
            uninvited client chooses its name freely and would fill the table.
    """

    code: str
    meaning: str
    needle: bytes
    names_user: bool = True


REASONS: Final = (
    Reason(
        "bad_credentials",
        "wrong user or password, none, or a revoked device",
        b"not authorised",
        names_user=False,
    ),
    Reason(
        "publish_denied",
        "a publish to a topic that the device may not write",
        b"Denied PUBLISH from ",
    ),
    Reason(
        "publish_too_large",
        "a publish larger than the broker takes",
        b"Dropped too large PUBLISH from ",
    ),
    Reason(
        "packet_too_large",
        "a packet larger than the broker takes: disconnected",
        b"due to oversize ",
    ),
    Reason(
        "queue_full",
        "a client's queue reached its bound: messages to it are being dropped",
        b"Outgoing messages are being dropped for client ",
    ),
    Reason(
        "session_taken_over",
        "two connections with one identity: the older was closed",
        b"already connected, closing old connection",
    ),
    Reason(
        "protocol_error", "a packet against the protocol: disconnected", b"due to protocol error"
    ),
    Reason(
        "malformed_packet", "a packet that cannot be read: disconnected", b"due to malformed packet"
    ),
    Reason(
        "out_of_memory",
        "the broker's memory bound was reached: disconnected",
        b"due to out of memory",
    ),
    Reason(
        "too_many_connections",
        "no room for another connection",
        b"Unable to accept new connection",
        names_user=False,
    ),
)
"""Refusals that are counted, in the words of Mosquitto 2.0."""

# `2026-08-01T06:00:00+0000: Client almaty.bus-1 disconnected due to …`: the time stamp in front
# keeps text that a device chose (a topic, say) from posing as a line of its own.
_LINE = re.compile(rb"^[0-9T:+-]{20,}: ([^\n]*)$", re.MULTILINE)
_USER = re.compile(rb"(?:[Cc]lient|PUBLISH from) ([^ ,:]+)")


def count_refusals(chunk: bytes) -> Refusals:
    """Count the refusals in whole lines of the log; pure.

    Routine lines are most of a log, so a chunk without any refusal costs only a few searches.
    """
    found: Refusals = Counter()
    present = [reason for reason in REASONS if reason.needle in chunk]
    if not present:
        return found
    for match in _LINE.finditer(chunk):
        text = match[1]
        for reason in present:
            # what comes after a quote is a topic, written by a device
            if reason.needle in text.partition(b"'")[0]:
                found[reason.code, _user_of(text) if reason.names_user else ""] += 1
                break
    return found


def _user_of(text: bytes) -> str:
    match = _USER.search(text)
    return match[1].decode("utf-8", "replace").rstrip(".") if match else ""


class LogReader:
    """Follows a log that another process appends to, from where an earlier reader left off.

    Args:
        path: the log; it may not be there yet.
        rotate_bytes: when this much has been read the log is copied to `<name>.1` and emptied. The
            broker appends, so it goes on at the start; what it writes between copy and cut is lost.
    """

    CHUNK_BYTES: Final = 1 << 22

    def __init__(self, path: Path, rotate_bytes: int = 64 << 20) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._position_path = path.with_name(f"{path.name}.position")
        self._inode, self._offset = self._load_position()

    def read(self) -> bytes:
        """Give the next whole lines, at most a few megabytes; empty when there is nothing new."""
        try:
            with self._path.open("rb") as file:
                # another file, or shorter than before: somebody replaced or emptied it
                inode = os.fstat(file.fileno()).st_ino
                if inode != self._inode or file.seek(0, os.SEEK_END) < self._offset:
                    self._inode, self._offset = inode, 0
                file.seek(self._offset)
                chunk = file.read(self.CHUNK_BYTES)
        except FileNotFoundError:
            return b""
        whole = chunk.rfind(b"\n") + 1
        if whole == 0 and len(chunk) == self.CHUNK_BYTES:
            whole = len(chunk)  # no line is that long: pass over it
        self._offset += whole
        return chunk[:whole]

    def keep_position(self) -> None:
        """Remember how far was read, for the next start; empty the log when it is long."""
        if self._offset > self._rotate_bytes:
            shutil.copyfile(self._path, self._path.with_name(f"{self._path.name}.1"))
            os.truncate(self._path, 0)
            self._offset = 0
        temporary = self._position_path.with_name(f".{self._position_path.name}")
        temporary.write_text(f"{self._inode} {self._offset}\n", encoding="ascii")
        temporary.replace(self._position_path)

    def _load_position(self) -> tuple[int, int]:
        try:
            inode, offset = self._position_path.read_text(encoding="ascii").split()
            return int(inode), int(offset)
        except (FileNotFoundError, ValueError):
            return 0, 0
