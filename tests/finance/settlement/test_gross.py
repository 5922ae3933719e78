"""Gross contracts on a real ledger: kilometres from proofs of runs, boardings, the budget's share."""

from datetime import timedelta

import pytest

from sapar.finance.settlement.statements import list_lines
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import DAY, Finance
from tests.ticketing.world import AGENCY


async def prove(finance: Finance, trip: str, status: str, vehicle: str, day=DAY, metres=10_000):
    await finance.connection.execute(
        "INSERT INTO run_proof (agency_id, service_date, trip_id, start_s, planned, route_id,"
        " vehicle_ids, status, reasons, gps_off, scheduled_start_at, scheduled_end_at,"
        " stops_planned, stops_visited, stops_guessed, planned_m, driven_m, gap_count,"
        " gap_longest_s, fix_count) VALUES (%s, %s, %s, 28800, true, 'route-0', %s, %s, '{}',"
        " false, %s, %s, 10, 10, 0, %s, %s, 0, 0, 100)",
        (AGENCY, day, trip, [vehicle], status, f"{day} 03:00Z", f"{day} 04:00Z", metres + 0.4,
         metres / 2),
    )  # fmt: skip


async def correct(finance: Finance, trip: str, status: str, day=DAY):
    await finance.connection.execute(
        "INSERT INTO run_correction VALUES (%s, %s, %s, 28800, now(), %s, 'dana', 'seen')",
        (AGENCY, day, trip, status),
    )


async def lines_of(finance: Finance, settled):
    [number] = settled.statements
    await finance.check_parts(number)
    return await list_lines(finance.connection, number)


async def test_kilometres_are_paid_from_fares_and_then_by_the_budget(finance: Finance):
    await finance.contract("north", "gross_km", funder="akimat")
    await prove(finance, "a", "done", "bus-0")
    await prove(finance, "b", "partly", "bus-2")
    await prove(finance, "c", "not_done", "bus-0")
    await prove(finance, "d", "done", "bus-1")  # of the other carrier
    await finance.post(finance.taps(80, 40))
    fares = -(await finance.balances(2210))[2210, "north"]
    before = (await finance.balances(1220))[1220, "akimat"]
    finance.close(1)
    lines = await lines_of(finance, await finance.settle())
    pay = 15_000 * 45_000 // 1000
    assert [(line.block, line.metres, line.payable_tiyn) for line in lines][1:] == [
        ("production", 15_000, pay)
    ]
    assert await finance.balances(2310) == {(2310, "north"): -pay}
    assert (2520, "akimat") not in await finance.balances(2520)  # all fares went into the pay
    assert (await finance.balances(1220))[1220, "akimat"] == before + pay - fares
    assert (2210, "north") not in await finance.balances(2210)
    assert await check_ledger(finance.connection) == []


async def test_a_correction_is_a_new_line(finance: Finance):
    await finance.contract("north", "gross_km")
    await prove(finance, "a", "done", "bus-0")
    await prove(finance, "b", "not_done", "bus-0")
    finance.close(1)
    await finance.settle()
    await correct(finance, "a", "not_done")
    await correct(finance, "b", "partly")
    lines = await lines_of(finance, await finance.settle())
    assert [line.metres for line in lines] == [10_000, -5_000]
    assert await finance.balances(2310) == {(2310, "north"): -5_000 * 45}
    assert (await finance.settle()).lines == 0


async def test_days_without_proofs_are_named(finance: Finance):
    await finance.contract("north", "gross_km")
    await prove(finance, "a", "done", "bus-0")
    finance.close(2)
    settled = await finance.settle(2)
    assert settled.without_proof == [DAY + timedelta(days=1)]


@pytest.mark.parametrize("rate", [1, 9_000])
async def test_boardings_are_paid_one_by_one(finance: Finance, rate: int):
    await finance.contract("north", "boarding", rate_tiyn=rate)
    await finance.post(finance.taps(81, 40))
    [(boardings,)] = await finance.rows(
        "SELECT balance FROM account WHERE code = 9110 AND owner = 'north'"
    )
    finance.close(1)
    lines = await lines_of(finance, await finance.settle())
    paid = [line for line in lines if line.block == "boardings"]
    assert [(line.boardings, line.payable_tiyn) for line in paid] == [(boardings, boardings * rate)]
    assert await finance.balances(2310) == {(2310, "north"): -boardings * rate}
    assert await check_ledger(finance.connection) == []
