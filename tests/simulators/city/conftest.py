"""A city of the smallest size, built once, and a reader of its feed that shares no code with it."""

import csv
import io
import zipfile
from datetime import date

import pytest

from sapar.simulators.city import build_city, write_city

SERVICE_DATES = (date(2026, 1, 8), date(2027, 1, 4))

Rows = list[dict[str, str]]


def read_tables(feed: bytes) -> dict[str, Rows]:
    """Read every file of a GTFS zip into rows of text, by name without the ending."""
    with zipfile.ZipFile(io.BytesIO(feed)) as archive:
        return {
            name.removesuffix(".txt"): list(
                csv.DictReader(io.StringIO(archive.read(name).decode(), newline=""))
            )
            for name in archive.namelist()
        }


def seconds(text: str) -> int:
    """Read a GTFS time as seconds of the service day."""
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(rest)


@pytest.fixture(scope="session")
def aktobe():
    return build_city("aktobe", 1)


@pytest.fixture(scope="session")
def aktobe_zip(aktobe):
    return write_city(aktobe, agency_id="aktobe", service_dates=SERVICE_DATES)


@pytest.fixture(scope="session")
def aktobe_tables(aktobe_zip):
    return read_tables(aktobe_zip)
