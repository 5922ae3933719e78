"""The registry follows the database: on notice, in time, and through an outage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from sapar.core.db import connect, open_pool
from sapar.core.settings import Settings
from sapar.fleet.agencies import ensure_agency
from sapar.fleet.devices import NewDevice, add_device, revoke_device
from sapar.fleet.registry import RegistryWatcher
from tests.fleet.product_broker import eventually
from tests.fleet.test_devices import at


def settings_for(database: str, refresh_s: float) -> Settings:
    return Settings(database_url=SecretStr(database), registry_refresh_s=refresh_s)


@asynccontextmanager
async def watching(database: str, settings: Settings) -> AsyncIterator[RegistryWatcher]:
    async with (
        open_pool(database) as pool,
        RegistryWatcher(pool, settings, settings.clock()).running() as watcher,
    ):
        yield watcher


def knows(watcher: RegistryWatcher, device_id: str) -> bool:
    return watcher.current.find_device("aktobe", device_id) is not None


async def test_changes_are_seen_at_once_without_waiting_for_the_refresh(database, connection):
    settings = settings_for(database, refresh_s=600)
    async with watching(database, settings) as watcher:
        assert not knows(watcher, "bus-1")
        before = watcher.current
        add_device(connection, NewDevice("aktobe", "bus-1", "101"))
        await asyncio.sleep(0.3)
        assert not knows(watcher, "bus-1"), "an uncommitted device is nobody's business"
        connection.commit()
        await eventually(lambda: knows(watcher, "bus-1"))
        revoke_device(connection, "aktobe", "bus-1", at(6))
        connection.commit()
        await eventually(lambda: watcher.current.devices["aktobe", "bus-1"].revoked)
        ensure_agency(connection, "shymkent", timezone="Asia/Almaty")
        connection.commit()
        await eventually(lambda: watcher.current.find_agency("shymkent") is not None)
        assert before.devices == {}, "a snapshot never changes"


async def test_a_change_without_notice_is_seen_within_the_refresh(database, connection):
    settings = settings_for(database, refresh_s=0.3)
    async with watching(database, settings) as watcher:
        connection.execute("ALTER TABLE device DISABLE TRIGGER device_changed")
        add_device(connection, NewDevice("aktobe", "bus-1"))
        connection.commit()
        await eventually(lambda: knows(watcher, "bus-1"))
        await eventually(lambda: watcher.age_s < 1)


async def test_an_ended_connection_is_made_anew(database, connection):
    settings = settings_for(database, refresh_s=600)
    async with watching(database, settings) as watcher:
        add_device(connection, NewDevice("aktobe", "bus-1"))
        connection.commit()
        await eventually(lambda: knows(watcher, "bus-1"))
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        ).fetchone()
        assert ended == (1,)
        add_device(connection, NewDevice("aktobe", "bus-2"))
        connection.commit()
        await eventually(lambda: knows(watcher, "bus-2"))
        add_device(connection, NewDevice("aktobe", "bus-3"))
        connection.commit()
        await eventually(lambda: knows(watcher, "bus-3"))


def test_nothing_changed_notifies_nobody(database, connection):
    with connect(database, autocommit=True) as listener:
        listener.execute("LISTEN sapar_devices")
        ensure_agency(connection, "aktobe", name="Aktobe", timezone="Asia/Aqtobe")
        connection.commit()
        assert list(listener.notifies(timeout=0.5)) == []
        ensure_agency(connection, "aktobe", name="Aqtobe")
        connection.commit()
        assert len(list(listener.notifies(timeout=60, stop_after=1))) == 1


@pytest.mark.parametrize("table", ["agency", "device", "mounting"])
def test_a_change_by_plain_sql_notifies_too(database, connection, table):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    connection.commit()
    with connect(database, autocommit=True) as listener:
        listener.execute("LISTEN sapar_devices")
        column = {"agency": "name", "device": "password_hash", "mounting": "vehicle_id"}[table]
        connection.execute(f"UPDATE {table} SET {column} = 'x'")
        connection.commit()
        assert len(list(listener.notifies(timeout=60, stop_after=1))) == 1
