"""Drafts and published versions in a real database, and the commands for them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sapar.cli.ticketing import app as ticketing
from sapar.core.db import Pool, connect
from sapar.core.errors import NotFound, Refused
from sapar.ticketing.tariff import TariffRefused, city_tariff
from sapar.ticketing.tariff.versions import (
    Publication,
    get_zip,
    list_versions,
    load_draft,
    load_tariffs,
    publish,
    publish_on,
    store_draft,
    withdraw,
)
from tests.ticketing.tariff.people import approve, make_people
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
        make_people(connection)
    return "aktobe"


def named(name: str, day_start: str = "04:00:00") -> bytes:
    head = f"name,currency,timezone,day_start\n{name},KZT,Asia/Aqtobe,{day_start}"
    return zip_of({"tariff.txt": head})


async def stored(pool: Pool, agency: str, data: bytes) -> int:
    return (await store_draft(pool, agency, data, now=NOW, actor="me")).version_no


async def put(
    pool: Pool, agency: str, version_no: int, moment: datetime, *, force: bool = False
) -> Publication:
    """Publish what two people have agreed on."""
    async with pool.connection() as connection, connection.transaction():
        await approve(connection, agency, version_no, moment)
        return await publish_on(
            connection, agency, version_no, moment, now=NOW, actor="me", force=force
        )


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
    await put(pool, agency, two, LATER)
    first = await put(pool, agency, one, SOON)
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
    await put(pool, agency, one, SOON)
    moved = await put(pool, agency, one, LATER)
    assert moved.was_from == SOON
    for attempt in (
        publish(pool, agency, one, LATER + timedelta(days=1), now=LATER, actor="me"),
        publish(pool, agency, one, NOW, now=LATER, actor="me", force=True),
        withdraw(pool, agency, one, note="x", now=LATER, actor="me"),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.code == "tariff_in_force"
    assert len((await load_tariffs(pool, agency)).versions) == 1


async def test_the_past_and_a_moment_that_is_taken_are_refused(pool: Pool, agency: str):
    one, two = await stored(pool, agency, named("one")), await stored(pool, agency, named("two"))
    with pytest.raises(Refused) as refused:
        await put(pool, agency, one, NOW)
    assert refused.value.code == "effective_in_past"
    forced = await put(pool, agency, one, NOW, force=True)
    assert forced.is_past
    with pytest.raises(Refused) as refused:
        await put(pool, agency, two, NOW, force=True)
    assert refused.value.code == "effective_from_taken"
    with pytest.raises(NotFound):
        await put(pool, agency, 9, SOON)


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
    await put(pool, agency, one, SOON)
    if not is_refused:
        await put(pool, agency, two, moment)
        return
    with pytest.raises(Refused) as refused:
        await put(pool, agency, two, moment)
    assert refused.value.code == "fare_day_goes_back"


async def test_withdrawing_makes_a_draft_again(pool: Pool, agency: str):
    one = await stored(pool, agency, named("one"))
    with pytest.raises(Refused) as refused:
        await withdraw(pool, agency, one, note="x", now=NOW, actor="me")
    assert refused.value.code == "not_published"
    await put(pool, agency, one, SOON)
    await withdraw(pool, agency, one, note="x", now=NOW, actor="me")
    assert (await load_tariffs(pool, agency)).versions == []
    (row,) = await list_versions(pool, agency)
    assert (row["effective_from"], row["published_by"], row["created_by"]) == (None, None, "me")


@pytest.fixture
def run(database: str, agency: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", agency)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> Result:
        result = CliRunner().invoke(ticketing, ["tariff", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_from_an_example_to_a_published_tariff(run, database: str, tmp_path: Path):
    path, copy = tmp_path / "city.zip", tmp_path / "copy.zip"
    assert run("example", "--to", str(path)).exit_code == 0
    assert json.loads(run("check", str(path), "--json").stdout)["ok"] is True
    assert "Asia/Aqtobe" in run("check", str(path)).stdout
    assert json.loads(run("draft", str(path), "--json").stdout)["version"] == 1
    assert "already version 1" in run("draft", str(path)).stdout
    assert "draft" in run("list").stdout
    moment = ("--from", "2099-12-01T04:00")
    assert "by two people" in run("publish", "1", *moment).stderr
    assert "--reason" in run("publish", "1", *moment, "--alone").stderr
    published = run("publish", "1", *moment, "--alone", "--reason", "the first", "--json")
    assert json.loads(published.stdout)["effective_from"] == "2099-12-01T04:00:00+05:00"
    assert "from 2099" in run("list").stdout
    assert run("export", "1", "--to", str(copy)).exit_code == 0
    assert copy.read_bytes() == path.read_bytes()
    assert "--note" in run("withdraw", "1", "--note", " ").stderr
    assert run("withdraw", "1", "--note", "too early").exit_code == 0
    long_ago = ("--from", "2024-01-01T04:00+05:00", "--alone", "--reason", "the first")
    past = run("publish", "1", *long_ago)
    assert (past.exit_code, "has passed" in past.stderr) == (1, True)
    forced = run("publish", "1", *long_ago, "--force")
    assert "judged again" in forced.stderr
    assert run("list").stdout.startswith("* aktobe")
    with connect(database) as connection:
        log = connection.execute(
            "SELECT action, target, reason FROM audit_log ORDER BY audit_no"
        ).fetchall()
    alone = ("tariff.publish_alone", "tariff 1", "the first")
    assert log == [alone, ("tariff.take_back", "tariff 1", "too early"), alone]


def test_every_other_tariff_needs_two_people_at_the_prompt_too(run, tmp_path: Path):
    for number, name in enumerate(("one", "two"), 1):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(named(name))
        assert json.loads(run("draft", str(path), "--json").stdout)["version"] == number
    moments = ("2099-12-01T04:00", "2099-12-02T04:00")
    why = ("--alone", "--reason", "the first")
    assert run("publish", "1", "--from", moments[0], *why).exit_code == 0
    assert "by two people" in run("publish", "2", "--from", moments[1], *why).stderr
    ask = ("propose", "2", "--from", moments[1], "--note", "the council's decision")
    assert "needs the role" in run(*ask, "--by", "cashier").stderr
    assert "no person" in run(*ask, "--by", "nobody").stderr
    assert "proposal 1" in run(*ask, "--by", "approver").stdout
    yes = ("approve", "1", "--note", "checked", "--json")
    assert "own proposal" in run(*yes, "--by", "approver").stderr
    assert "needs the role" in run(*yes, "--by", "proposer").stderr
    assert "open" in run("proposals").stdout
    assert run("decline", "1", "--note", "not yet", "--by", "approver").exit_code == 0
    assert "proposal 2" in run(*ask, "--by", "proposer").stdout
    done = json.loads(run("approve", "2", *yes[2:], "--by", "approver").stdout)
    assert datetime.fromisoformat(done["effective_from"]) == datetime.fromisoformat(
        f"{moments[1]}+05:00"
    )
    assert "approved by approver" in run("proposals").stdout
    assert "from 2099-12-01" in run("list").stdout


def test_an_approval_is_good_for_one_publication(run, tmp_path: Path):
    for number, name in enumerate(("one", "two"), 1):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(named(name))
        assert json.loads(run("draft", str(path), "--json").stdout)["version"] == number
    first, second = ("--from", "2099-12-02T04:00"), ("--from", "2099-12-03T04:00")
    alone = ("--from", "2099-12-01T04:00", "--alone", "--reason", "the first")
    assert run("publish", "1", *alone).exit_code == 0

    def agree(number: str, moment: tuple[str, str]) -> int:
        ask = run("propose", "2", *moment, "--note", "decision 12", "--by", "proposer")
        assert f"proposal {number}" in ask.stdout
        return run("approve", number, "--note", "checked", "--by", "approver").exit_code

    def refused() -> None:
        for moment in (first, second):
            assert "by two people" in run("publish", "2", *moment).stderr

    assert agree("1", first) == 0
    refused()
    assert run("withdraw", "2", "--note", "postponed").exit_code == 0
    refused()  # both people said yes once, to a publication that has been
    assert agree("2", second) == 0
    assert agree("3", first) == 0  # moved
    refused()
    assert "from 2099-12-01 23" in run("list").stdout


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
