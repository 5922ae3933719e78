"""A day's stored taps under a draft, on a real database."""

import json
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from sapar.cli.ticketing.tariff import app
from sapar.core.db import Connection, Pool, connect
from sapar.core.errors import NotFound
from sapar.ticketing.pricing import dry_run as module
from sapar.ticketing.pricing.dry_run import dry_run
from sapar.ticketing.tariff import read_tariff
from sapar.ticketing.tariff.versions import publish, store_draft
from tests.ticketing.tariff.tariffs import PLAIN, zip_of

ZONE = ZoneInfo("Asia/Aqtobe")
DAY = date(2026, 4, 15)
LONG_AGO = datetime(2026, 1, 1, tzinfo=ZONE)
CONCESSION = "rider_category_id,funder,compensation\npupil,akimat,difference"
DEARER = PLAIN["fare_products.txt"].replace("80", "90") + "\nmonthly,,,900,KZT"
PASSES = "fare_product_id,period\nmonthly,month"


@pytest.fixture
def connection(database: str):
    with connect(database, autocommit=True) as opened:
        opened.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES"
            " ('aktobe', 'Aktobe', 'Asia/Aqtobe'), ('other', 'Other', 'Asia/Aqtobe')"
        )
        yield opened


def add_card(connection: Connection, ref: str, category: str, agency: str = "aktobe") -> int:
    row = connection.execute(
        "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
        " VALUES (%s, %s, 'active', %s, '2026-01-01') RETURNING card_no",
        (agency, ref, category),
    ).fetchone()
    assert row is not None
    return int(row[0])


def add_tap(connection: Connection, card_no: int, at: datetime, **more: object) -> None:
    row = connection.execute("SELECT nextval('tap_number')").fetchone()
    assert row is not None
    values = {
        "tap_no": row[0],
        "device_no": 1,
        "epoch": 1,
        "seq": row[0],
        "digest": bytes(16),
        "device_time": at,
        "card_no": card_no,
        "payload": b"",
        "vehicle_id": "A",
        "route_id": "1",
        "medium": "card",
        "num_riders": 1,
        "allowed": True,
        "synchronized": True,
        "received_at": at + timedelta(hours=3),
        "status": "posted",
        "event_at": at,
        "service_date": (at - timedelta(hours=4)).date(),
        "nominal_tiyn": 0,
        "charged_tiyn": 0,
        "adjustments": "[]",
        "rule": "",
        "revision": 0,
    } | more
    names, marks = ", ".join(values), ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO tap ({names}) VALUES ({marks})".encode(), values)


def at(clock: str, day: date = DAY) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T{clock}:00").replace(tzinfo=ZONE)


async def publish_plain(pool: Pool, changes: dict[str, str | None] | None = None) -> None:
    stored = await store_draft(pool, "aktobe", zip_of(changes), now=LONG_AGO, actor="me")
    await publish(
        pool, "aktobe", stored.version_no, LONG_AGO,
        now=LONG_AGO, actor="me", force=True, alone="the first",
    )  # fmt: skip


async def test_the_difference_by_category_and_funder(connection: Connection, pool: Pool):
    adult, pupil = add_card(connection, "a", "adult"), add_card(connection, "p", "pupil")
    add_tap(connection, adult, at("08:00"))
    add_tap(connection, adult, at("09:00"), num_riders=2)
    add_tap(connection, pupil, at("08:00"))
    await publish_plain(pool)
    draft = read_tariff(zip_of({"fare_products.txt": DEARER, "concessions.txt": CONCESSION}))
    told: list[int] = []
    found = (await dry_run(pool, "aktobe", draft, DAY, told.append)).to_json()
    assert told[-1] == found["taps"] == 3
    assert (found["cards"], found["cards_dearer"], found["cards_cheaper"]) == (2, 1, 0)
    lines = {line["rider_category"]: line for line in found["lines"]}
    assert lines["adult"] == {
        "rider_category": "adult",
        "product": "ride",
        "taps_now": 2,
        "taps_then": 2,
        "boardings_now": 3,
        "boardings_then": 3,
        "charged_now_tiyn": 240_00,
        "charged_then_tiyn": 270_00,
        "difference_tiyn": 30_00,
    }
    assert lines["pupil"]["difference_tiyn"] == 0
    assert found["funders"] == [
        {
            "kind": "concession",
            "funder": "akimat",
            "now_tiyn": 0,
            "then_tiyn": 50_00,
            "difference_tiyn": 50_00,
        }
    ]


async def test_which_taps_are_tried(connection: Connection, pool: Pool):
    card, theirs = add_card(connection, "a", "adult"), add_card(connection, "a", "adult", "other")
    add_tap(connection, card, at("04:00"))
    add_tap(connection, card, at("03:59"))  # of the day before
    add_tap(connection, card, at("03:59", DAY + timedelta(days=1)))
    add_tap(connection, card, at("12:00"), status="held", code="no_fare_rule")
    add_tap(connection, card, at("13:00"), status="held", code="bad_signature")
    add_tap(connection, card, at("14:00"), status="denied", allowed=False)
    add_tap(connection, theirs, at("12:00"))
    found = await dry_run(pool, "aktobe", read_tariff(zip_of()), DAY)
    assert found.taps == 3
    assert (found.held_now, found.held_then) == ({"no_tariff": 3}, {})
    assert (await dry_run(pool, "aktobe", read_tariff(zip_of()), DAY - timedelta(days=7))).taps == 0


async def test_category_pass_and_month_are_those_of_the_time(connection: Connection, pool: Pool):
    card = add_card(connection, "a", "pupil")
    connection.execute(
        "INSERT INTO card_category (card_no, valid_from, category, actor)"
        " VALUES (%s, '2026-01-01', 'adult', 'x'), (%s, %s, 'pupil', 'x')",
        (card, card, at("12:00")),
    )
    connection.execute(
        "UPDATE card SET category_from = %s, has_pass = true WHERE card_no = %s",
        (at("12:00"), card),
    )
    connection.execute(
        "INSERT INTO card_pass (card_no, journal_no, product_id, valid)"
        " VALUES (%s, 1, 'monthly', tstzrange(%s, %s))",
        (card, at("18:00"), at("19:00")),
    )
    add_tap(connection, card, at("08:00", DAY - timedelta(days=2)), charged_tiyn=100_00)
    before = DAY - timedelta(days=1)
    add_tap(connection, card, at("08:00", before), charged_tiyn=900_00, num_riders=5)
    for clock in ("08:00", "13:00", "18:30", "19:00"):
        add_tap(connection, card, at(clock))
    caps = "cap_id,period,amount\nmonth,month,220"
    draft = read_tariff(
        zip_of({"fare_products.txt": DEARER, "passes.txt": PASSES, "caps.txt": caps})
    )
    found = (await dry_run(pool, "aktobe", draft, DAY)).to_json()
    charged = {line["rider_category"]: line["charged_then_tiyn"] for line in found["lines"]}
    assert charged == {"adult": 90_00, "pupil": 30_00}  # 220 less 100, 90; at 13:00 30 are left
    funders = {(one["kind"], one["funder"]): one["then_tiyn"] for one in found["funders"]}
    assert funders == {("pass", "monthly"): 40_00, ("cap", "scheme"): 50_00}


async def test_cards_are_whole_however_the_rows_are_fetched(
    connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    cards = [add_card(connection, f"c{number}", "adult") for number in range(4)]
    for number, card in enumerate(cards):
        for hour in range(6, 8 + 2 * number):
            add_tap(connection, card, at(f"{hour:02}:00"))
    caps = {"caps.txt": "cap_id,period,amount\nday,day,200"}
    results = []
    for size in (1, 2, 3, 7, 5000):
        monkeypatch.setattr(module, "_FETCHED_ROWS", size)
        found = await dry_run(pool, "aktobe", read_tariff(zip_of({**caps})), DAY)
        results.append(found.to_json())
    assert results[0]["lines"][0]["charged_then_tiyn"] == 160_00 + 3 * 200_00
    assert all(result == results[0] for result in results)


async def test_an_agency_that_is_not_there(pool: Pool):
    with pytest.raises(NotFound):
        await dry_run(pool, "nowhere", read_tariff(zip_of()), DAY)


def test_the_command(connection: Connection, database: str, monkeypatch, tmp_path):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", "aktobe")
    monkeypatch.setenv("COLUMNS", "200")
    add_tap(connection, add_card(connection, "a", "adult"), at("08:00"))
    path = tmp_path / "draft.zip"
    path.write_bytes(zip_of())
    arguments = ["dry-run", "--zip", str(path), "--day", DAY.isoformat()]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "2026-04-15: 1 taps of 1 cards" in shown.stdout
    assert "+80.00" in shown.stdout
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(told.stdout)["lines"][0]["charged_then_tiyn"] == 80_00
    assert CliRunner().invoke(app, ["dry-run"]).exit_code == 1
