"""docs/timetable.md lists every code, with the meaning that the code gives it."""

import re
from pathlib import Path

from sapar.gtfs.static.rules import REFUSALS, RULES, WARNINGS


def test_every_code_is_documented(repository: Path) -> None:
    text = (repository / "docs/timetable.md").read_text(encoding="utf-8")
    refusals, warnings = text.split("## Refusals")[1].split("## Warnings")
    for section, rules in ((refusals, REFUSALS), (warnings, WARNINGS)):
        rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
        assert rows == {rule.code: rule.meaning for rule in rules.values()}


def test_codes_and_meanings_are_well_formed() -> None:
    assert len(RULES) == len(REFUSALS) + len(WARNINGS)
    for code, rule in RULES.items():
        assert code == rule.code
        assert re.fullmatch(r"[a-z][a-z0-9_]+", code)
        assert rule.meaning.endswith(".")
        assert rule.meaning.isascii()
