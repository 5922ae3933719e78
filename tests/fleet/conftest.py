"""Fixtures of the fleet's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sapar.core.db import Connection, connect
from sapar.fleet.agencies import ensure_agency
from tests.fleet.product_broker import ProductBroker, product_broker


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection to a database with the agencies `aktobe` and `almaty`."""
    with connect(database) as opened:
        ensure_agency(opened, "aktobe", name="Aktobe", timezone="Asia/Aqtobe")
        ensure_agency(opened, "almaty", name="Almaty", timezone="Asia/Almaty")
        opened.commit()
        yield opened


@pytest.fixture
def mosquitto(service_directory: Path) -> Iterator[ProductBroker]:
    """A broker of the test's own, as the product configures it."""
    with product_broker(service_directory / "broker") as running:
        yield running
