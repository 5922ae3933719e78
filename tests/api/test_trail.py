"""Where a vehicle has been: its own fixes and nobody else's."""

from datetime import UTC, datetime, timedelta

from sapar.core.db import connect_async
from tests.api.access_help import sign_in
from tests.api.conftest import Instance


async def keep_fixes(conninfo: str, agency: str, device: str, vehicle: str | None) -> int:
    """Store a device with three fixes a minute apart, the newest now; mounted when named so."""
    now = datetime.now(UTC)
    async with await connect_async(conninfo) as connection:
        cursor = await connection.execute(
            "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')"
            " RETURNING device_no",
            (agency, device),
        )
        row = await cursor.fetchone()
        assert row is not None
        if vehicle is not None:
            await connection.execute(
                "INSERT INTO mounting (device_no, vehicle_id, mounted)"
                " VALUES (%s, %s, tstzrange(%s, NULL))",
                (row[0], vehicle, now - timedelta(minutes=90)),
            )
        for seq in range(3):
            await connection.execute(
                "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude,"
                " received_at) VALUES (%s, %s, 1, %s, 1, %s, 57.17, %s)",
                (row[0], now - timedelta(minutes=seq), seq, 50.28 + seq / 1000, now),
            )
    return int(row[0])


async def test_a_trail_is_of_its_vehicle_alone_and_in_order(api: Instance, agency: str) -> None:
    await keep_fixes(api.conninfo, agency, "KZ-1", "207")
    await keep_fixes(api.conninfo, agency, "208", None)
    assert (await api.http.get("/api/vehicles/207/trail")).status_code == 401
    await sign_in(api.http, api.conninfo)
    for vehicle in ("207", "208"):
        points = (await api.http.get(f"/{agency}/api/vehicles/{vehicle}/trail")).json()["points"]
        assert [point[1] for point in points] == [50.282, 50.281, 50.28]
        assert points == sorted(points)
    short = (await api.http.get("/api/vehicles/207/trail?minutes=1")).json()["points"]
    assert [point[1] for point in short] == [50.28]
    assert (await api.http.get("/api/vehicles/209/trail")).json()["points"] == []


async def test_a_trail_has_bounds(api: Instance) -> None:
    await sign_in(api.http, api.conninfo)
    for minutes in ("0", "241", "x"):
        answer = await api.http.get(f"/api/vehicles/207/trail?minutes={minutes}")
        assert answer.status_code == 422
