"""The door for static GTFS: reads a zip, refuses what cannot be run, and notes the rest.

Comes in: a zip, by path or as bytes. Goes out: a `Feed` of checked columns, or `FeedRefused`.
"""

from sapar.gtfs.static.archive import read_zip
from sapar.gtfs.static.feed import Feed
from sapar.gtfs.static.reader import read_feed
from sapar.gtfs.static.report import FeedRefused, Finding, Notice, count_codes
from sapar.gtfs.static.rules import RULES, Rule
from sapar.gtfs.static.values import format_time, parse_date, parse_time

__all__ = [
    "RULES",
    "Feed",
    "FeedRefused",
    "Finding",
    "Notice",
    "Rule",
    "count_codes",
    "format_time",
    "parse_date",
    "parse_time",
    "read_feed",
    "read_zip",
]
