"""What is wrong with a tariff's files, all of it at once, each with its place and a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sapar.core.errors import BadInput

SHOWN_MAX: Final = 20

REFUSALS: Final[dict[str, str]] = {
    "bad_zip": "The zip cannot be opened, or plays a trick.",
    "missing_file": "A file that every tariff needs is missing.",
    "unsupported_file": "A file would change prices in a way that is not supported.",
    "unreadable_file": "A file is not UTF-8, or its quotes do not match.",
    "missing_column": "A column that is needed is missing.",
    "duplicate_column": "A column stands in the header twice.",
    "wrong_width": "A row has more values than the header.",
    "missing_value": "A value that is needed is empty.",
    "bad_value": "A value cannot be read.",
    "unsupported": "A value asks for something that is not supported.",
    "one_row": "The file has exactly one row.",
    "duplicate_key": "Two rows have the same key.",
    "unknown_reference": "A value names a row that its file does not have.",
    "no_default_category": "No rider category, or more than one, is the default.",
    "category_without_price": "A rider category has no price on any network with any medium.",
    "ambiguous_rule": "Two leg rules of the same priority give a ride two prices.",
    "no_base_price": "A funder makes up a difference to a price that does not exist.",
    "dearer_concession": "A concession costs more than the base price.",
    "missing_funder": "Something is free, and nobody is named who bears it.",
    "chained_base_category": "A base category's own difference is made up by a funder.",
}
"""Codes that refuse a tariff."""

WARNINGS: Final[dict[str, str]] = {
    "stray_file": "A file that is not part of a tariff; it is not read.",
    "unknown_column": "A column that is not part of a tariff; it is not read.",
    "no_price": "Taps of this network, medium and category are held: there is no price for them.",
    "no_price_at_times": "The price exists in some timeframes only; other taps are held.",
    "unknown_medium": "Taps with this medium are held: no channel names it.",
    "no_transfer_price": "A transfer's product has no price for the category: it saves nothing.",
    "unused_timeframe": "No leg rule names the timeframe.",
}
"""Codes that are shown, and refuse nothing."""


@dataclass(frozen=True, slots=True)
class TariffFinding:
    """One thing found; `line` is the line of the file, the header being 1; 0: not one line."""

    code: str
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Write it as `file:line: message [code]`."""
        place = f"{self.file}:{self.line}" if self.line else self.file or "zip"
        return f"{place}: {self.message} [{self.code}]"

    def to_json(self) -> dict[str, object]:
        """Give it as plain values."""
        return {"code": self.code, "file": self.file, "line": self.line, "message": self.message}


class TariffRefused(BadInput):
    """A tariff that cannot price; `findings` lists everything that is wrong."""

    default_code = "tariff_refused"

    def __init__(self, findings: list[TariffFinding]) -> None:
        self.findings = findings
        shown = "\n".join(f"  {finding}" for finding in findings[:SHOWN_MAX])
        more = len(findings) - SHOWN_MAX
        tail = f"\n  … and {more} more" if more > 0 else ""
        super().__init__(f"the tariff cannot be used, {len(findings)} findings:\n{shown}{tail}")


class Findings:
    """Collects findings while a tariff is read."""

    def __init__(self) -> None:
        self.refusals: list[TariffFinding] = []
        self.warnings: list[TariffFinding] = []

    def add(self, code: str, file: str, line: int, message: str) -> None:
        """Note one finding.

        Raises:
            KeyError: the code is not listed, a mistake of ours.
        """
        if code in REFUSALS:
            self.refusals.append(TariffFinding(code, file, line, message))
        elif code in WARNINGS:
            self.warnings.append(TariffFinding(code, file, line, message))
        else:
            raise KeyError(code)

    def finish(self) -> None:
        """Stop here when something refuses the tariff.

        Raises:
            TariffRefused: with everything found so far.
        """
        if self.refusals:
            raise TariffRefused(self.refusals)
