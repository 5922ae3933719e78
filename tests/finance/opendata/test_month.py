"""A month for the public: closed, exact, deterministic, and it names nobody."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from sapar.core.errors import BadInput, Refused
from sapar.finance.opendata.figures import Ridership, resources
from sapar.finance.opendata.publishing import month_files
from sapar.finance.opendata.tides import FIELDS, month_secret, token_of, write_transactions
from tests.finance.settlement.support import Finance, finance_of
from tests.ticketing.world import AGENCY, make_world

MASTER = b"m" * 32
FIRST = date(2026, 3, 1)


@pytest.fixture
async def finance(database: str):
    async with finance_of(make_world(database, devices=8)) as finance:
        for day in range(2):
            await finance.post(finance.taps(40 + day, 80, day=day))
        yield finance


async def test_an_open_month_is_not_published(finance: Finance):
    with pytest.raises(Refused, match="2026-03-01 is not closed"):
        await month_files(finance.connection, AGENCY, "2026-03")
    with pytest.raises(BadInput, match="no month"):
        await month_files(finance.connection, AGENCY, "2026-13")


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


async def test_figures_are_those_of_the_ledger(finance: Finance):
    finance.close(31, FIRST)
    files = await month_files(finance.connection, AGENCY, "2026-03", k=1)
    ridership = rows_of(files["ridership.csv"])
    [(boardings,)] = await finance.rows(
        "SELECT sum(balance)::bigint FROM account WHERE code = 9110"
    )
    whole = next(r for r in ridership if r["route_id"] == r["rider_category"] == "all")
    assert int(whole["boardings"]) == boardings
    inner = [r for r in ridership if "all" not in {r["route_id"], r["rider_category"]}]
    assert sum(int(row["boardings"]) for row in inner) == boardings
    revenue = rows_of(files["revenue.csv"])
    budgets = sum(amount for amount in (await finance.balances(1220)).values())
    [(charged,)] = await finance.rows(
        "SELECT sum(charged_tiyn)::bigint FROM tap WHERE status = 'posted'"
    )
    assert revenue[-1]["route_id"] == "all"
    assert Decimal(revenue[-1]["budget_kzt"]) * 100 == budgets
    assert Decimal(revenue[-1]["fares_kzt"]) * 100 == charged
    assert sum(Decimal(row["fares_kzt"]) for row in revenue[:-1]) * 100 == charged


async def test_csv_parquet_and_dictionary_agree(finance: Finance):
    finance.close(31, FIRST)
    files = await month_files(finance.connection, AGENCY, "2026-03", k=20)
    package = json.loads(files["datapackage.json"])
    assert {one["path"] for one in package["resources"]} == set(files) - {"datapackage.json"}
    for one in package["resources"]:
        data = files[one["path"]]
        assert one["bytes"] == len(data)
        assert one["hash"] == "sha256:" + hashlib.sha256(data).hexdigest()
        names = [field["name"] for field in one["schema"]["fields"]]
        if one["format"] == "csv":
            assert data.decode().splitlines()[0].split(",") == names
        else:
            table = pq.read_table(io.BytesIO(data))
            assert table.column_names == names
            text = rows_of(files[one["path"].replace("parquet", "csv")])
            assert [
                {name: "" if value is None else str(value) for name, value in row.items()}
                for row in table.to_pylist()
            ] == text
    notes = {row["boardings_note"] for row in rows_of(files["ridership.csv"])}
    assert notes == {"", "suppressed"}
    for row in rows_of(files["ridership.csv"]):
        assert (row["boardings"] == "") == (row["boardings_note"] == "suppressed")
        assert not 0 < int(row["boardings"] or 0) < 20


_OTHER_PROCESS = """
import asyncio, hashlib, io, sys
from sapar.core.db import connect_async
from sapar.finance.opendata.publishing import month_files
from sapar.finance.opendata.tides import write_transactions

async def main():
    async with await connect_async(sys.argv[1]) as connection:
        for name, data in (await month_files(connection, "town", "2026-03")).items():
            print(name, hashlib.sha256(data).hexdigest())
        file = io.StringIO(newline="")
        await write_transactions(connection, "town", "2026-03", b"m" * 32, file)
        print("tides", hashlib.sha256(file.getvalue().encode()).hexdigest())

asyncio.run(main())
"""


async def test_the_same_figures_give_the_same_bytes_elsewhere(finance: Finance):
    finance.close(31, FIRST)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _OTHER_PROCESS, finance.conninfo],
            env=os.environ | {"TZ": zone, "PGTZ": zone, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        ).stdout
        for zone, seed in (("Pacific/Kiritimati", "1"), ("America/Adak", "2"))
    }  # fmt: skip
    assert len(outputs) == 1
    files = await month_files(finance.connection, AGENCY, "2026-03")
    here = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    there = dict(line.split() for line in next(iter(outputs)).splitlines())
    assert here.items() <= there.items()


async def transactions(finance: Finance) -> list[dict[str, str]]:
    file = io.StringIO(newline="")
    count = await write_transactions(finance.connection, AGENCY, "2026-03", MASTER, file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert len(rows) == count
    return rows


async def test_tides_has_every_ride_and_no_card(finance: Finance):
    finance.close(31, FIRST)
    rows = await transactions(finance)
    taps = await finance.rows(
        "SELECT d.device_id || '-' || epoch || '-' || seq, num_riders, charged_tiyn"
        " FROM tap JOIN device d USING (device_no) WHERE status = 'posted'"
    )
    assert {
        (r["transaction_id"], int(r["num_riders"]), Decimal(r["amount"]) * 100) for r in rows
    } == {(name, riders, Decimal(charged)) for name, riders, charged in taps}
    assert list(rows[0]) == list(FIELDS)
    assert all(row["event_timestamp"].endswith("+05:00") for row in rows)
    refs = {ref for (ref,) in await finance.rows("SELECT card_ref FROM card")}
    assert not refs & {value for row in rows for value in row.values()}
    assert {row["fare_capped"] for row in rows} == {"true", "false"}
    assert "Transfer entrance" in {row["fare_action"] for row in rows}


def test_a_token_is_the_same_within_a_month_and_another_in_the_next():
    march, april = (month_secret(MASTER, AGENCY, month) for month in ("2026-03", "2026-04"))
    assert token_of(march, "c1") == token_of(march, "c1") != token_of(march, "c2")
    assert token_of(march, "c1") != token_of(april, "c1")
    assert month_secret(MASTER, "other", "2026-03") != march


def test_money_of_a_route_with_a_hidden_count_is_hidden():
    ridership = {
        ("1", "adult"): Ridership(500, 5_000_000, 0), ("1", "pupil"): Ridership(3, 12_000, 12_000),
        ("2", "adult"): Ridership(400, 4_000_000, 0), ("2", "pupil"): Ridership(90, 36_000, 36_000),
        ("3", "adult"): Ridership(700, 7_000_000, 0), ("3", "pupil"): Ridership(80, 32_000, 32_000),
    }  # fmt: skip
    revenue = resources("2026-03", ridership, [], 10)[1]
    notes = {row[1]: (row[4], row[6]) for row in revenue.rows}
    assert notes["1"] == (None, "suppressed")
    assert sum(note == "suppressed" for _, note in notes.values()) == 2
    assert notes["all"] == (20_000_000, "rounded")
