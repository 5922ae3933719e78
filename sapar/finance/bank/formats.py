"""Which format a file has, told from what is in it, and the reader of each. Pure."""

from __future__ import annotations

import re

from sapar.finance.bank import camt, mt940, onec
from sapar.finance.bank.mapping import Mapping
from sapar.finance.bank.model import BrokenFile, Format, Statement
from sapar.finance.bank.table import NOTHING_GIVEN, Given, read_csv, read_xlsx, to_statement

_BLANK = b"\xef\xbb\xbf \t\r\n"
_ENVELOPE = re.compile(rb"\{1:F01|(?:^|\n):20:")
_XLS = b"\xd0\xcf\x11\xe0"


def guess(data: bytes) -> Format:
    """Tell a file's format.

    Raises:
        BrokenFile: `empty_file` or `unknown_format`.
    """
    head = data[:4096].lstrip(_BLANK)
    if not head:
        raise BrokenFile("the file is empty", code="empty_file")
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(onec.HEAD.encode()):
        return "1c"
    if head.startswith(b"<"):
        if b"camt.053" in head or b"BkToCstmrStmt" in head:
            return "camt053"
        raise BrokenFile("the XML is not CAMT.053", code="unknown_format")
    if _ENVELOPE.search(head):
        return "mt940"
    if head.startswith(_XLS):
        raise BrokenFile(
            "workbooks of old Excel are not read",
            code="unknown_format",
            hint="Save it as XLSX, or get another format from the bank.",
        )
    if b"\0" in head and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BrokenFile("the file is no statement", code="unknown_format")
    return "csv"


def parse(
    data: bytes, form: Format, mapping: Mapping | None = None, given: Given = NOTHING_GIVEN
) -> list[Statement]:
    """Read the statements of all accounts in a file, unchecked (`model.check` checks one).

    Args:
        data: the file.
        form: its format, from `guess`.
        mapping: how to read a table.
        given: what is said of a table beside it.

    Raises:
        BrokenFile: it cannot be read; with the line where there is one. `no_mapping`: it is a
            table and nobody has said what its columns are.
    """
    match form:
        case "1c":
            return onec.parse(data.removeprefix(b"\xef\xbb\xbf"))
        case "camt053":
            return camt.parse(data)
        case "mt940":
            return mt940.parse(data)
        case "csv" | "xlsx":
            if mapping is None:
                raise BrokenFile(
                    "the file is a table, and nothing says what its columns are",
                    code="no_mapping",
                    hint="Say so once: sapar ticketing bank mapping set.",
                )
            rows = (read_csv if form == "csv" else read_xlsx)(data, mapping)
            return [to_statement(rows, mapping, given)]
