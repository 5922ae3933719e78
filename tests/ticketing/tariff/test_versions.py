"""Drafts and published versions in a real database, and the commands for them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sapar.cli.ticketing.tariff import app
from sapar.core.db import Pool, connect
from sapar.core.errors import NotFound, Refused
from sapar.ticketing.tariff import TariffRefused, city_tariff
from sapar.ticketing.tariff.versions import (
    get_zip,
    list_versions,
    load_draft,
    load_tariffs,
    publish,
    store_draft,
    withdraw,
)
from tests.ticketing.tariff.tariffs import zip_of

NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)
SOON = NOW + timedelta(days=1)
LATER = NOW + timedelta(days=30)


@pytest.fixture
def agency(database: str) -> str:
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('aktobe', 'A', 'Asia/Aqtobe')"
        )
    return "aktobe"


def named(name: str, day_start: str = "04:00:00") -> bytes:
    head = f"name,currency,timezone,day_start\n{name},KZT,Asia/Aqtobe,{day_start}"
    return zip_of({"tariff.txt": head})


async def stored(pool: Pool, agency: str, data: bytes) -> int:
    return (await store_draft(pool, agency, data, now=NOW, actor="me")).version_no


async def test_a_draft_is_kept_once_and_prices_nothing(pool: Pool, agency: str):
    first = await store_draft(pool, agency, city_tariff(), now=NOW, actor="me")
    again = await store_draft(pool, agency, city_tariff(), now=NOW, actor="me")
    assert (first.version_no, first.is_new, again.version_no, again.is_new) == (1, True, 1, False)
    assert await get_zip(pool, agency, 1) == city_tariff()
    tariffs = await load_tariffs(pool, agency)
    assert tariffs.versions == []
    assert tariffs.tariff_at(0) is None
    assert tariffs.fare_day(round(NOW.timestamp() * 1000)) == NOW.date()
    assert (await load_draft(pool, agency, 1)).version_no == 1


async def test_what_cannot_price_is_not_kept(pool: Pool, agency: str):
    with pytest.raises(TariffRefused):
        await store_draft(pool, agency, b"", now=NOW, actor="me")
    with pytest.raises(Refused) as refused:
        await store_draft(pool, agency, city_tariff(timezone="Asia/Tokyo"), now=NOW, actor="me")
    assert refused.value.code == "wrong_timezone"
    with pytest.raises(NotFound):
        await store_draft(pool, "nowhere", city_tariff(), now=NOW, actor="me")
    assert await list_versions(pool, agency) == []


async def test_versions_hold_one_after_the_other(pool: Pool, agency: str):
    one, two = await stored(pool, agency, named("one")), await stored(pool, agency, named("two"))
    await publish(pool, agency, two, LATER, now=NOW, actor="me")
    first = await publish(pool, agency, one, SOON, now=NOW, actor="me")
    assert (first.until, first.was_from, first.is_past) == (LATER, None, False)
    tariffs = await load_tariffs(pool, agency)
    soon_ms, later_ms = round(SOON.timestamp() * 1000), round(LATER.timestamp() * 1000)
    names = [
        tariff.name if (tariff := tariffs.tariff_at(at_ms)) else None
        for at_ms in (soon_ms - 1, soon_ms, later_ms - 1, later_ms)
    ]
    assert names == [None, "one", "one", "two"]
    assert [tariff.version_no for _, tariff in tariffs.versions] == [one, two]
    again = await load_tariffs(pool, agency, tariffs)
    assert all(a[1] is b[1] for a, b in zip(again.versions, tariffs.versions, strict=True))


async def test_a_version_that_has_begun_never_changes(pool: Pool, agency: str):
    one = await stored(pool, agency, named("one"))
    await publish(pool, agency, one, SOON, now=NOW, actor="me")
    moved = await publish(pool, agency, one, LATER, now=NOW, actor="me")
    assert moved.was_from == SOON
    for attempt in (
        publish(pool, agency, one, LATER + timedelta(days=1), now=LATER, actor="me"),
        publish(pool, agency, one, NOW, now=LATER, actor="me", force=True),
        withdraw(pool, agency, one, now=LATER, actor="me"),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.code == "tariff_in_force"
    assert len((await load_tariffs(pool, agency)).versions) == 1


async def test_the_past_and_a_moment_that_is_taken_are_refused(pool: Pool, agency: str):
    one, two = await stored(pool, agency, named("one")), await stored(pool, agency, named("two"))
    with pytest.raises(Refused) as refused:
        await publish(pool, agency, one, NOW, now=NOW, actor="me")
    assert refused.value.code == "effective_in_past"
    forced = await publish(pool, agency, one, NOW, now=NOW, actor="me", force=True)
    assert forced.is_past
    with pytest.raises(Refused) as refused:
        await publish(pool, agency, two, NOW, now=NOW, actor="me", force=True)
    assert refused.value.code == "effective_from_taken"
    with pytest.raises(NotFound):
        await publish(pool, agency, 9, SOON, now=NOW, actor="me")


@pytest.mark.parametrize(
    ("starts", "clock", "is_refused"),
    [
        (("04:00:00", "06:00:00"), "05:00", True),  # the day would begin at 04:00 and at 06:00
        (("04:00:00", "06:00:00"), "04:00", False),  # the day before lasts until 06:00
        (("04:00:00", "06:00:00"), "06:00", False),
        (("04:00:00", "06:00:00"), "03:00", False),
        (("06:00:00", "04:00:00"), "05:00", False),
    ],
)
async def test_a_fare_day_never_begins_twice(
    pool: Pool, agency: str, starts: tuple[str, str], clock: str, *, is_refused: bool
):
    one = await stored(pool, agency, named("one", starts[0]))
    two = await stored(pool, agency, named("two", starts[1]))
    moment = datetime.fromisoformat(f"2026-05-01T{clock}:00+05:00")
    await publish(pool, agency, one, SOON, now=NOW, actor="me")
    if not is_refused:
        await publish(pool, agency, two, moment, now=NOW, actor="me")
        return
    with pytest.raises(Refused) as refused:
        await publish(pool, agency, two, moment, now=NOW, actor="me")
    assert refused.value.code == "fare_day_goes_back"


async def test_withdrawing_makes_a_draft_again(pool: Pool, agency: str):
    one = await stored(pool, agency, named("one"))
    with pytest.raises(Refused) as refused:
        await withdraw(pool, agency, one, now=NOW, actor="me")
    assert refused.value.code == "not_published"
    await publish(pool, agency, one, SOON, now=NOW, actor="me")
    await withdraw(pool, agency, one, now=NOW, actor="me")
    assert (await load_tariffs(pool, agency)).versions == []
    (row,) = await list_versions(pool, agency)
    assert (row["effective_from"], row["published_by"], row["created_by"]) == (None, None, "me")


@pytest.fixture
def run(database: str, agency: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", agency)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_from_an_example_to_a_published_tariff(run, tmp_path: Path):
    path, copy = tmp_path / "city.zip", tmp_path / "copy.zip"
    assert run("example", "--to", str(path)).exit_code == 0
    assert json.loads(run("check", str(path), "--json").stdout)["ok"] is True
    assert "Asia/Aqtobe" in run("check", str(path)).stdout
    assert json.loads(run("draft", str(path), "--json").stdout)["version"] == 1
    assert "already version 1" in run("draft", str(path)).stdout
    assert "draft" in run("list").stdout
    published = run("publish", "1", "--from", "2099-12-01T04:00", "--json")
    assert json.loads(published.stdout)["effective_from"] == "2099-12-01T04:00:00+05:00"
    assert "from 2099" in run("list").stdout
    assert run("export", "1", "--to", str(copy)).exit_code == 0
    assert copy.read_bytes() == path.read_bytes()
    assert run("withdraw", "1").exit_code == 0
    past = run("publish", "1", "--from", "2024-01-01T04:00+05:00")
    assert (past.exit_code, "has passed" in past.stderr) == (1, True)
    forced = run("publish", "1", "--from", "2024-01-01T04:00+05:00", "--force")
    assert "judged again" in forced.stderr
    assert run("list").stdout.startswith("* aktobe")


def test_a_bad_tariff_is_told_with_its_findings(run, tmp_path: Path):
    path = tmp_path / "bad.zip"
    path.write_bytes(zip_of({"caps.txt": "cap_id,period,amount\nday,week,400"}))
    told = run("check", str(path), "--json")
    assert told.exit_code == 1
    (finding,) = json.loads(told.stdout)["findings"]
    assert (finding["file"], finding["line"], finding["code"]) == ("caps.txt", 2, "bad_value")
    shown = run("draft", str(path))
    assert shown.exit_code == 1
    assert "caps.txt:2" in shown.stderr
    assert run("check", str(tmp_path / "nothing.zip")).exit_code == 1
    assert run("publish", "1", "--from", "soon").exit_code == 1
