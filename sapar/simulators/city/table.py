"""GTFS files as rows of text, and the zip they are put in: same rows, same bytes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time given to every member of the zip: the earliest that the format knows."""


@dataclass(frozen=True, slots=True)
class Table:
    """One GTFS file: its name, its columns and its rows, all text."""

    file: str
    columns: Sequence[str]
    rows: Iterable[Sequence[str]]

    def text(self) -> str:
        """Write the table as CSV with LF line ends."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return out.getvalue()


def zip_files(files: Iterable[tuple[str, str]]) -> bytes:
    """Zip (name, text) files; the bytes depend on them alone (and on the version of zlib)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files:
            member = zipfile.ZipInfo(name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # Unix, on whatever system this runs
            member.external_attr = 0o644 << 16
            archive.writestr(member, text.encode(), compresslevel=6)
    return out.getvalue()


def clock_text(time_s: int) -> str:
    """Write seconds of the service day as GTFS does, hours past 24 included."""
    return f"{time_s // 3600:02d}:{time_s // 60 % 60:02d}:{time_s % 60:02d}"
