"""Agencies, devices and mountings in a real database."""

from datetime import UTC, datetime

import pytest

from sapar.contract.checks import Area
from sapar.core.db import Connection, connect, open_pool
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.fleet.agencies import ensure_agency, list_agencies, set_area
from sapar.fleet.credentials import password_matches
from sapar.fleet.devices import (
    NewDevice,
    add_device,
    get_device,
    list_devices,
    list_mountings,
    mount_device,
    renew_password,
    revoke_device,
    unmount_device,
)
from sapar.fleet.registry import load_registry


def at(hour: int, day: int = 1) -> datetime:
    return datetime(2026, 8, day, hour, tzinfo=UTC)


def stored_hash(connection: Connection, device_id: str) -> str:
    row = connection.execute(
        "SELECT password_hash FROM device WHERE device_id = %s", (device_id,)
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_password_is_given_once_and_kept_as_a_hash(connection):
    password = add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    assert len(password) == 32
    assert password_matches(password, stored_hash(connection, "bus-1"))
    assert not password_matches(password + "x", stored_hash(connection, "bus-1"))
    assert password not in stored_hash(connection, "bus-1")


def test_renewed_password_replaces_the_old_one(connection):
    old = add_device(connection, NewDevice("aktobe", "bus-1"))
    new = renew_password(connection, "aktobe", "bus-1")
    assert new != old
    assert password_matches(new, stored_hash(connection, "bus-1"))
    assert not password_matches(old, stored_hash(connection, "bus-1"))


@pytest.mark.parametrize(
    ("device", "code"),
    [
        (NewDevice("aktobe", "bus/1"), "device_id"),
        (NewDevice("aktobe", ""), "device_id"),
        (NewDevice("aktobe", "-1"), "device_id"),
        (NewDevice("aktobe", "x" * 65), "device_id"),
        (NewDevice("aktobe", "bus-1\n"), "device_id"),
        (NewDevice("aktobe", "bus-1", ""), "vehicle_id"),
        (NewDevice("aktobe", "bus-1", "1\x000"), "vehicle_id"),
        (NewDevice("aktobe", "bus-1", kind="tram"), "kind"),
        (NewDevice("aktobe", "bus-1", password="short"), "password"),
        (NewDevice("aktobe", "bus-1", mounted_from=datetime(2026, 8, 1)), "from"),
    ],
)
def test_malformed_devices_are_refused(connection, device, code):
    with pytest.raises(BadInput) as refused:
        add_device(connection, device)
    assert refused.value.code == code
    assert list_devices(connection) == []


def test_device_of_an_unknown_agency_is_refused_with_a_hint(connection):
    with pytest.raises(NotFound) as refused:
        add_device(connection, NewDevice("atyrau", "bus-1"))
    assert refused.value.code == "unknown_agency"
    assert "sapar agencies add atyrau" in refused.value.hint


def test_same_name_in_two_agencies_is_two_devices(connection):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    add_device(connection, NewDevice("almaty", "bus-1", "101"))
    with pytest.raises(Refused) as refused:
        add_device(connection, NewDevice("aktobe", "bus-1", "102"))
    assert refused.value.code == "device_exists"
    rows = list_devices(connection)
    assert [row.agency_id for row in rows] == ["aktobe", "almaty"]
    assert rows[0].device_no != rows[1].device_no


def test_moving_a_device_ends_its_time_in_the_old_vehicle(connection):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    assert mount_device(connection, "aktobe", "bus-1", "102", at(6))
    assert not mount_device(connection, "aktobe", "bus-1", "102", at(7))
    assert unmount_device(connection, "aktobe", "bus-1", at(9))
    assert not unmount_device(connection, "aktobe", "bus-1", at(10))
    assert mount_device(connection, "aktobe", "bus-1", "101", at(12))
    row = get_device(connection, "aktobe", "bus-1")
    assert list_mountings(connection, row.device_no) == [
        ("101", None, at(6)),
        ("102", at(6), at(9)),
        ("101", at(12), None),
    ]


def test_a_move_at_the_time_of_the_last_one_corrects_it(connection):
    add_device(connection, NewDevice("aktobe", "bus-1", "101", mounted_from=at(6)))
    assert mount_device(connection, "aktobe", "bus-1", "102", at(6))
    row = get_device(connection, "aktobe", "bus-1")
    assert list_mountings(connection, row.device_no) == [("102", at(6), None)]


def test_history_is_not_rewritten(connection):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    mount_device(connection, "aktobe", "bus-1", "102", at(6, day=2))
    with pytest.raises(Refused) as refused:
        mount_device(connection, "aktobe", "bus-1", "103", at(5, day=2))
    assert refused.value.code == "mounting_order"


def test_a_revoked_device_keeps_its_name_and_history(connection):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    assert revoke_device(connection, "aktobe", "bus-1", at(6))
    assert not revoke_device(connection, "aktobe", "bus-1", at(7))
    row = get_device(connection, "aktobe", "bus-1")
    assert (row.revoked_at, row.vehicle_id) == (at(6), "101")
    for action in (
        lambda: mount_device(connection, "aktobe", "bus-1", "102", at(8)),
        lambda: renew_password(connection, "aktobe", "bus-1"),
    ):
        with pytest.raises(Refused) as refused:
            action()
        assert refused.value.code == "revoked_device"
    with pytest.raises(Refused):
        add_device(connection, NewDevice("aktobe", "bus-1"))


def test_agencies_are_added_once_and_changed_in_place(connection):
    ensure_agency(connection, "shymkent")
    ensure_agency(connection, "shymkent", timezone="Asia/Almaty")
    ensure_agency(connection, "shymkent", name="Shymkent")
    set_area(connection, "shymkent", Area(42.0, 69.0, 43.0, 70.0))
    entry = next(e for e in list_agencies(connection) if e.agency_id == "shymkent")
    assert (entry.name, entry.timezone) == ("Shymkent", "Asia/Almaty")
    assert entry.area == Area(42.0, 69.0, 43.0, 70.0)
    with pytest.raises(BadInput, match="time zone"):
        ensure_agency(connection, "shymkent", timezone="Asia/Nowhere")
    with pytest.raises(BadInput):
        ensure_agency(connection, "Shymkent")
    with pytest.raises(NotFound):
        set_area(connection, "atyrau", None)


async def test_registry_knows_which_vehicle_carried_a_device_when(connection, database):
    add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    mount_device(connection, "aktobe", "bus-1", "102", at(6))
    unmount_device(connection, "aktobe", "bus-1", at(9))
    add_device(connection, NewDevice("aktobe", "shelf", kind="validator"))
    revoke_device(connection, "aktobe", "shelf", at(9))
    set_area(connection, "aktobe", Area(50.0, 57.0, 50.5, 57.5))
    connection.commit()
    async with open_pool(database) as pool:
        registry = await load_registry(pool)
    bus = registry.find_device("aktobe", "bus-1")
    assert bus is not None
    assert [bus.vehicle_at(at(hour).timestamp()) for hour in (0, 5, 6, 8, 9, 23)] == [
        "101",
        "101",
        "102",
        "102",
        None,
        None,
    ]
    assert bus.vehicle_at(at(6).timestamp() - 0.001) == "101"
    assert registry.devices_by_no[bus.device_no] is bus
    shelf = registry.find_device("aktobe", "shelf")
    assert shelf is not None
    assert (shelf.kind, shelf.revoked, shelf.vehicle_at(0.0)) == ("validator", True, None)
    assert registry.find_device("almaty", "bus-1") is None
    assert registry.area_of("aktobe") == Area(50.0, 57.0, 50.5, 57.5)
    assert registry.area_of("almaty") is None
    assert registry.get_agency("aktobe").zone.key == "Asia/Aqtobe"
    assert len(registry.list_devices("aktobe")) == 2
    with pytest.raises(NotFound):
        registry.get_agency("atyrau")


def test_an_unreachable_database_is_said_so():
    from sapar.core.errors import Unavailable

    with pytest.raises(Unavailable), connect("postgresql://nobody@127.0.0.1:1/none"):
        pass
