"""What was found in a feed: every code with its severity and meaning, counted, with examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.errors import BadInput
from sapar.gtfs.static.rules import RULES

#: Examples kept for each code, file and field; the rest is counted.
EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: where it is and why it matters.

    `row` is the line of the file as a text editor counts it (the header is 1), None where the
    finding is not about one row. `field` is a column name or ''.
    """

    code: str
    file: str
    row: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        """Write it as `file:row field: reason [code]`."""
        place = self.file if self.row is None else f"{self.file}:{self.row}"
        subject = f"{place} {self.field}" if self.field else place
        return f"{subject}: {self.reason} [{self.code}]"


@dataclass(slots=True)
class Notice:
    """All findings of one code in one field of one file: their number and the first of them."""

    code: str
    file: str
    field: str
    count: int = 0
    examples: list[Finding] = dataclasses.field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Give the notice as plain values for JSON."""
        return {
            "code": self.code,
            "file": self.file,
            "field": self.field,
            "count": self.count,
            "examples": [{"row": found.row, "reason": found.reason} for found in self.examples],
        }


class FeedRefused(BadInput):
    """A feed that cannot be run.

    Attributes:
        refusals: the findings that refuse it, at most five for each code, file and field.
        notices: the same with their counts.
    """

    default_code = "feed_refused"

    def __init__(self, notices: list[Notice]) -> None:
        self.notices = notices
        self.refusals = [found for notice in notices for found in notice.examples]
        count = sum(notice.count for notice in notices)
        shown = "\n".join(f"  {found}" for found in self.refusals[:20])
        super().__init__(f"the feed cannot be run, {count} refusals:\n{shown}")


class Report:
    """Collects findings; `finish` refuses the feed when one of them is a refusal."""

    def __init__(self) -> None:
        self._notices: dict[tuple[str, str, str], Notice] = {}

    def add(self, code: str, file: str, row: int | None, field_name: str, reason: str) -> None:
        """Note one finding.

        Raises:
            KeyError: the code is not one of `RULES`, a mistake of ours.
        """
        notice = self._notice(code, file, field_name)
        notice.count += 1
        if len(notice.examples) < EXAMPLES_MAX:
            notice.examples.append(Finding(code, file, row, field_name, reason))

    def add_rows(
        self,
        code: str,
        file: str,
        field_name: str,
        rows: Sequence[int] | NDArray[np.int32] | NDArray[np.int64],
        reason: Callable[[int], str],
    ) -> None:
        """Note one finding a row; `reason` gets the position in `rows` of those written out."""
        if len(rows) == 0:
            return
        notice = self._notice(code, file, field_name)
        notice.count += len(rows)
        for position in range(min(EXAMPLES_MAX - len(notice.examples), len(rows))):
            row = int(rows[position])
            notice.examples.append(Finding(code, file, row, field_name, reason(position)))

    def _notice(self, code: str, file: str, field_name: str) -> Notice:
        if code not in RULES:
            raise KeyError(code)
        key = (code, file, field_name)
        return self._notices.setdefault(key, Notice(code, file, field_name))

    @property
    def warnings(self) -> list[Notice]:
        """The notices that do not refuse the feed, ordered by code, file, field."""
        return sorted_notices(n for n in self._notices.values() if not RULES[n.code].refuses)

    def finish(self) -> None:
        """Stop here when the feed is refused.

        Raises:
            FeedRefused: something that cannot be run was found.
        """
        refusing = [n for n in self._notices.values() if RULES[n.code].refuses]
        if refusing:
            raise FeedRefused(sorted_notices(refusing))


def sorted_notices(notices: Iterable[Notice]) -> list[Notice]:
    """Order notices by code, file and field."""
    return sorted(notices, key=lambda n: (n.code, n.file, n.field))


def count_codes(notices: Iterable[Notice]) -> dict[str, int]:
    """Add the counts of notices up by code."""
    counts: dict[str, int] = {}
    for notice in notices:
        counts[notice.code] = counts.get(notice.code, 0) + notice.count
    return counts
