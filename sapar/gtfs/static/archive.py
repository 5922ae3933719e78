"""The door for GTFS zips: opens one and gives the bytes of its files, whatever was put into it.

A zip comes from outside, so its directory is checked before anything is unpacked, and nothing is
ever written to disk: names that climb out of a folder, links, bombs and members that overlap or
share a name are refused with a code.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sapar.gtfs.static.report import Report

#: Bounds on a feed. The largest national feeds unpack to about 3 GB; a city stays below a tenth.
ZIP_BYTES_MAX = 256 * 2**20
UNPACKED_BYTES_MAX = 2 * 2**30
MEMBERS_MAX = 1000
#: Real tables shrink 5 to 30 times; a file of zeros shrinks 1,000 times. Small files may be odd.
RATIO_MAX = 100
RATIO_FREE_BYTES = 2**20

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED_FLAG = 0x1


@dataclass(frozen=True, slots=True)
class Archive:
    """An opened zip whose directory was checked; `members` maps top-level file names."""

    data: bytes
    digest: str
    members: dict[str, zipfile.ZipInfo]
    strays: list[str]
    zip_file: zipfile.ZipFile

    def read(self, name: str, report: Report) -> bytes:
        """Unpack one file; notes `corrupt_member` and gives b'' when it cannot be unpacked."""
        info = self.members[name]
        try:
            with self.zip_file.open(info) as member:
                # one byte more than declared, so that a directory that lies is noticed
                content = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as exc:
            report.add("corrupt_member", name, None, "", f"cannot be unpacked: {exc}")
            return b""
        if len(content) != info.file_size:
            report.add("corrupt_member", name, None, "", "size is not what the zip declares")
            return b""
        return content


def open_archive(source: Path | bytes, report: Report) -> Archive:
    """Open a zip from a path or from its bytes and check its directory.

    Raises:
        FeedRefused: it is not a zip, or its directory plays a trick.
    """
    data = read_zip(source)
    try:
        zip_file = zipfile.ZipFile(io.BytesIO(data))
        infos = zip_file.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as exc:
        report.add("not_a_zip", "", None, "", f"cannot be opened as a zip: {exc}")
        report.finish()
        raise AssertionError("unreachable") from exc
    _check_sizes(infos, len(data), report)
    for info in infos:
        _check_member(info, report)
    files = [info for info in infos if not info.is_dir()]
    _check_duplicates(files, report)
    report.finish()
    members = {info.filename: info for info in files if "/" not in info.filename}
    strays = [info.filename for info in files if "/" in info.filename]
    digest = hashlib.sha256(data).hexdigest()
    return Archive(data, digest, members, strays, zip_file)


def read_zip(source: Path | bytes) -> bytes:
    """Give the bytes of a zip, unless they are too many to look at.

    Raises:
        FeedRefused: there is no such file, or it is too large.
    """
    report = Report()
    if isinstance(source, Path):
        if not source.is_file():
            report.add("not_a_zip", "", None, "", f"{source} is not a file")
            report.finish()
        size = source.stat().st_size
        data = source.read_bytes() if size <= ZIP_BYTES_MAX else b""
    else:
        size, data = len(source), source
    if size > ZIP_BYTES_MAX:
        report.add("zip_too_large", "", None, "", f"{size:,} bytes, at most {ZIP_BYTES_MAX:,}")
        report.finish()
    return data


def _check_sizes(infos: list[zipfile.ZipInfo], zip_bytes: int, report: Report) -> None:
    if len(infos) > MEMBERS_MAX:
        report.add("too_many_members", "", None, "", f"{len(infos)} members, at most {MEMBERS_MAX}")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > UNPACKED_BYTES_MAX:
        reason = f"unpacks to {unpacked:,} bytes, at most {UNPACKED_BYTES_MAX:,}"
        report.add("unpacked_too_large", "", None, "", reason)
    if sum(info.compress_size for info in infos) > zip_bytes:
        report.add("overlapping_members", "", None, "", "members share bytes of the zip")


def _check_member(info: zipfile.ZipInfo, report: Report) -> None:
    # `orig_filename` still has what zipfile tidies away: a NUL and what follows it, backslashes
    name = info.orig_filename
    path = PurePosixPath(name)
    hidden = any(ord(character) < 32 or character in "\\:" for character in name)
    if not name or hidden or path.is_absolute() or ".." in path.parts:
        report.add("unsafe_name", repr(name), None, "", "name leaves the folder or hides a part")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        report.add("not_a_regular_file", name, None, "", "a link or device, not a file")
    if info.flag_bits & _ENCRYPTED_FLAG:
        report.add("encrypted_member", name, None, "", "encrypted")
    if info.compress_type not in _METHODS:
        reason = f"compression method {info.compress_type}, only stored and deflated are read"
        report.add("unknown_compression", name, None, "", reason)
    if info.file_size > RATIO_FREE_BYTES and info.file_size > RATIO_MAX * info.compress_size:
        reason = f"{info.compress_size:,} bytes unpack to {info.file_size:,}"
        report.add("ratio_too_high", name, None, "", reason)


def _check_duplicates(files: list[zipfile.ZipInfo], report: Report) -> None:
    seen: set[str] = set()
    for info in files:
        # a file system that ignores case would let the second overwrite the first
        name = info.filename.casefold()
        if name in seen:
            report.add("duplicate_member", info.filename, None, "", "stands in the zip twice")
        seen.add(name)
