"""Controls find what must not be, say so once, and take it back when it is so no longer."""

from datetime import UTC, datetime

from sapar.contract.seal import digest_of_tap
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.queue import list_exceptions
from sapar.ticketing.controls import count_gaps, list_gaps, run_controls
from tests.ticketing.taps.support import AGENCY, tap_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def look(town) -> dict[str, list[str]]:
    found = await run_controls(town.connection, AGENCY, since=LONG_AGO, now=town.tools.clock.now())
    return {kind: [one.subject for one in findings] for kind, findings in found.items() if findings}


async def kinds(town) -> list[str]:
    page = await list_exceptions(town.connection, AGENCY, town.tools.clock.now())
    return [row.kind for row in page.rows]


async def test_nothing_is_found_among_good_taps(town):
    one, other = (tap_of(town.devices[0], seq, "c1", seq * 10, counter=seq) for seq in (1, 2))
    await town.post(one, other)
    assert await look(town) == {}


async def test_a_counter_that_skips_is_found_unless_a_device_misses_a_record(town):
    one, two = town.devices[:2]
    await town.post(tap_of(one, 1, "c1", 0, counter=1), tap_of(one, 2, "c1", 30, counter=4))
    assert (await look(town)) == {"unreported_tap": ["card 1 counter 2"]}
    page = await list_exceptions(town.connection, AGENCY, town.tools.clock.now())
    assert [(row.kind, row.value_tiyn) for row in page.rows] == [("unreported_tap", 16000)]
    await town.post(tap_of(two, 1, "c2", 10), tap_of(two, 4, "c2", 20))
    assert await look(town) == {}
    assert await kinds(town) == []


async def test_a_purse_that_does_not_go_on_where_it_was_is_found(town):
    device = town.devices[0]
    taps = [
        tap_of(device, seq, "c1", seq * 10, counter=seq, balance_tiyn=left, charged_tiyn=8000)
        for seq, left in ((1, 92_000), (2, 84_000), (3, 90_000))
    ]
    await town.post(*taps)
    assert await look(town) == {"balance_break": ["tap 3"]}


async def test_a_device_whose_clock_goes_back_is_found(town):
    device = town.devices[0]
    await town.post(tap_of(device, 1, "c1", 10), tap_of(device, 2, "c2", 5))
    assert await look(town) == {"clock_out_of_order": ["tap 2"]}


async def test_a_record_that_follows_another_one_than_the_stored_is_found(town):
    device = town.devices[0]
    first = tap_of(device, 1, "c1")
    named = digest_of_tap(device.agency_id, device.device_id, first.tap).hex()
    await town.post(first, tap_of(device, 2, "c2", 5, prev_hash=named))
    assert await look(town) == {}
    await town.post(tap_of(device, 3, "c3", 9, prev_hash=named))
    assert await look(town) == {"chain_break": ["tap 3"]}


async def test_what_a_person_closed_is_not_opened_again(town):
    device = town.devices[0]
    await town.post(tap_of(device, 1, "c1", 10), tap_of(device, 2, "c2", 5))
    await look(town)
    now = town.tools.clock.now()
    page = await list_exceptions(town.connection, AGENCY, now)
    [number] = [row.exception_no for row in page.rows]
    said = {"reason": "new battery", "by": acts.Who("aigul"), "now": now}
    await acts.close(town.connection, AGENCY, number, **said)
    assert await look(town) == {"clock_out_of_order": ["tap 2"]}
    assert await kinds(town) == []


async def test_a_ride_without_a_journal_is_found(town):
    await town.post(tap_of(town.devices[0], 1, "c1"))
    await town.connection.execute("ALTER TABLE journal DISABLE TRIGGER journal_append_only")
    await town.connection.execute("DELETE FROM journal WHERE tap_no IS NOT NULL")
    assert await look(town) == {"without_journal": ["tap 1"]}


async def test_a_gap_is_worth_what_its_device_took_in_that_hour(town):
    device = town.devices[0]
    await town.post(
        tap_of(device, 1, "c1"), tap_of(device, 5, "c2", 9), tap_of(device, 6, "c4", 11)
    )
    [gap] = await list_gaps(town.connection, AGENCY)
    assert gap[:4] == ("v1", 1, 2, 4)
    assert gap[6] == 3 * 8000
    assert await count_gaps(town.connection, AGENCY) == (1, 3)
