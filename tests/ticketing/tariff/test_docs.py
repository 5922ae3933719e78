"""docs/tariff.md lists every code, file and column, as the code has them."""

import re
from pathlib import Path

import pytest

from sapar.ticketing.tariff.findings import REFUSALS, WARNINGS
from sapar.ticketing.tariff.spec import FILES, UNSUPPORTED, Kind


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docs/tariff.md").read_text(encoding="utf-8")


def test_every_code_is_documented(text: str):
    refusals, warnings = text.split("## Refusals")[1].split("## Warnings")
    for section, codes in ((refusals, REFUSALS), (warnings, WARNINGS)):
        assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)) == codes


def test_every_file_and_column_is_documented(text: str):
    files = text.split("## Files")[1].split("## Dry run", maxsplit=1)[0]
    rows = [line for line in files.splitlines() if line.startswith("| `")]
    for spec in FILES:
        (row,) = [line for line in rows if f"`{spec.name}`" in line.split("|")[1]]
        if "as in GTFS" in row:
            continue
        missing = [
            c.name for c in spec.columns if c.kind is not Kind.EMPTY and f"`{c.name}`" not in row
        ]
        assert missing == []
    assert UNSUPPORTED[0] in files
