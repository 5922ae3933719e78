"""The tariff desk over HTTP: tables and back, findings, dry runs, and two people to publish."""

import json
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sapar.core.db import connect
from sapar.finance.tariffs.tables import Table, tables_of, zip_of
from sapar.finance.tariffs.trying import add_day
from sapar.ticketing.pricing.dry_run import DryRun
from sapar.ticketing.tariff.city import city_tariff
from sapar.ticketing.tariff.reader import read_tariff
from sapar.ticketing.types import Fare, Ride
from tests.api.access_help import sign_in
from tests.api.conftest import Instance
from tests.api.finance.money_town import DAY, LATER_MS, money

__all__ = ["money"]  # a fixture
BASE = "/api/finance/tariffs"
NEXT_MONTH_S = LATER_MS // 1000 + 30 * 86_400


async def dearer(api: Instance, adult: str = "90") -> list[dict[str, Any]]:
    """The tables of the tariff in force with another price for adults' cards."""
    tables = (await api.http.get(f"{BASE}/1/tables.json")).json()["tables"]
    products = next(one for one in tables if one["name"] == "fare_products.txt")
    products["rows"][0][products["columns"].index("amount")] = adult
    return tables


async def draft(api: Instance) -> int:
    answer = await api.http.post(f"{BASE}/drafts", json={"tables": await dearer(api)})
    assert answer.status_code == 201, answer.text
    return answer.json()["version_no"]


async def test_a_draft_is_made_of_tables_and_judged(money: Instance) -> None:
    await sign_in(money.http, money.conninfo, ("accountant",))
    tables = await dearer(money)
    good = (await money.http.post(f"{BASE}/check", json={"tables": tables})).json()
    assert (good["ok"], good["name"]) == (True, "City tariff")
    bad = await dearer(money, "ninety")
    judged = (await money.http.post(f"{BASE}/check", json={"tables": bad})).json()
    assert judged["ok"] is False
    assert judged["findings"][0]["file"] == "fare_products.txt"
    assert judged["findings"][0]["line"] == 2
    refused = await money.http.post(f"{BASE}/drafts", json={"tables": bad})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "tariff_refused")
    assert await draft(money) == 2
    again = await money.http.post(f"{BASE}/drafts", json={"tables": tables})
    assert again.json() | {"warnings": []} == {"version_no": 2, "is_new": False, "warnings": []}
    listed = (await money.http.get(f"{BASE}.json")).json()["versions"]
    assert [(one["version_no"], one["state"]) for one in listed] == [(1, "holds"), (2, "draft")]


async def test_a_zip_goes_up_and_comes_down_byte_for_byte(money: Instance) -> None:
    await sign_in(money.http, money.conninfo, ("accountant",))
    data = city_tariff("Next year", adult="100")
    headers = {"content-type": "application/zip"}
    judged = await money.http.post(f"{BASE}/check", content=data, headers=headers)
    assert judged.json()["name"] == "Next year"
    torn = await money.http.post(f"{BASE}/check", content=data[:-30], headers=headers)
    assert torn.json()["findings"][0]["code"] == "bad_zip"
    stored = (await money.http.post(f"{BASE}/drafts", content=data, headers=headers)).json()
    down = await money.http.get(f"{BASE}/{stored['version_no']}/tariff.zip")
    assert down.content == data
    assert (await money.http.get(f"{BASE}/99/tariff.zip")).status_code == 404
    assert (await money.http.get(f"{BASE}/99999999999/tables.json")).status_code == 404


async def test_a_dry_run_tells_its_progress_and_what_would_change(money: Instance) -> None:
    await sign_in(money.http, money.conninfo, ("accountant",))
    version = await draft(money)
    days = {"from": "2026-03-17", "to": DAY}
    answer = await money.http.get(f"{BASE}/{version}/dry-run", params=days)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["days_done"] for one in lines[:-1] if one["days_done"]][-1] == 2
    result = lines[-1]["result"]
    assert (result["taps"], result["days"]) == (5, ["2026-03-17", DAY])
    by_category = {one["rider_category"]: one["difference_tiyn"] for one in result["lines"]}
    assert by_category["adult"] == 2000
    by_channel = {one["medium"]: one["difference_tiyn"] for one in result["channels"]}
    assert by_channel == {"card": sum(by_category.values())}
    assert [one["difference_tiyn"] for one in result["largest"]] == [2000]
    assert result["largest"][0]["label"].startswith("••••")
    for wrong in (
        {"from": "x"},
        {"from": DAY, "to": "2026-03-17"},
        {"from": "2026-01-01", "to": DAY},
    ):
        answer = await money.http.get(f"{BASE}/{version}/dry-run", params=wrong)
        assert answer.json()["error"]["code"] == "bad_days"


async def test_two_people_put_a_tariff_into_force(money: Instance) -> None:
    proposer = await sign_in(money.http, money.conninfo, ("accountant", "chief_accountant"))
    version = await draft(money)
    past = {"effective_s": LATER_MS // 1000 - 10**6, "note": "x"}
    address = f"{BASE}/{version}/proposals"
    assert (await money.http.post(address, json=past)).json()["error"]["code"] == (
        "effective_in_past"
    )
    asked = {"effective_s": NEXT_MONTH_S, "note": "council's decision 12"}
    number = (await money.http.post(address, json=asked)).json()["proposal_no"]
    twice = await money.http.post(address, json=asked)
    assert twice.json()["error"]["code"] == "already_proposed"
    decision = f"{BASE}/proposals/{number}/decision"
    yes = {"decision": "approved", "note": "checked"}
    own = await money.http.post(decision, json=yes)
    assert (own.status_code, own.json()["error"]["code"]) == (403, "own_proposal")
    await sign_in(money.http, money.conninfo, ("accountant",))
    weak = await money.http.post(decision, json=yes)
    assert weak.json()["error"]["code"] == "role_missing"
    foreign = await money.http.post(decision, json={"decision": "withdrawn", "note": "x"})
    assert foreign.json()["error"]["code"] == "not_own_proposal"
    approver = await sign_in(money.http, money.conninfo, ("chief_accountant",))
    done = await money.http.post(decision, json=yes)
    assert done.json() == {"published": True, "until_s": None}
    again = await money.http.post(decision, json=yes)
    assert again.json()["error"]["code"] == "already_decided"
    listed = (await money.http.get(f"{BASE}.json")).json()
    row = next(one for one in listed["versions"] if one["version_no"] == version)
    assert (row["state"], row["effective_s"]) == ("to_come", NEXT_MONTH_S)
    assert row["published_by"] == f"{proposer} + {approver}"
    assert listed["proposals"][0]["decision"] == "approved"
    back = await money.http.post(f"{BASE}/{version}/take-back", json={"note": "postponed"})
    assert back.status_code == 200
    with connect(money.conninfo) as connection:
        rows = connection.execute(
            "SELECT action, person FROM audit_log WHERE target = %s ORDER BY audit_no",
            (f"tariff {version}",),
        ).fetchall()
    assert rows == [
        ("tariff.draft", proposer), ("tariff.propose", proposer), ("tariff.approve", approver),
        ("tariff.take_back", approver),
    ]  # fmt: skip


async def test_what_publishing_refuses_leaves_the_proposal_open(money: Instance) -> None:
    await sign_in(money.http, money.conninfo, ("accountant",))
    numbers = []
    for price in ("90", "95"):
        tables = await dearer(money, price)
        stored = await money.http.post(f"{BASE}/drafts", json={"tables": tables})
        version = stored.json()["version_no"]
        asked = {"effective_s": NEXT_MONTH_S, "note": "x"}
        made = await money.http.post(f"{BASE}/{version}/proposals", json=asked)
        numbers.append(made.json()["proposal_no"])
    await sign_in(money.http, money.conninfo, ("chief_accountant",))
    yes = {"decision": "approved", "note": "checked"}
    first, second = [
        await money.http.post(f"{BASE}/proposals/{number}/decision", json=yes) for number in numbers
    ]
    assert first.status_code == 200
    assert second.json()["error"]["code"] == "effective_from_taken"
    listed = (await money.http.get(f"{BASE}.json")).json()["proposals"]
    assert [one["decision"] for one in listed] == [None, "approved"]
    no = {"decision": "declined", "note": "the other one"}
    assert (await money.http.post(f"{BASE}/proposals/{numbers[1]}/decision", json=no)).json() == {
        "published": False, "until_s": None,
    }  # fmt: skip


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.lists(st.lists(cell, min_size=2, max_size=2), min_size=1, max_size=5))
def test_tables_survive_the_zip(rows: list[list[str]]) -> None:
    kept = [row for row in rows if any(value.strip() for value in row)]
    found = {one.name: one for one in tables_of(zip_of([Table("other.txt", ["a", "b"], rows)]))}
    if not kept:
        assert "other.txt" not in found
        return
    table = found["other.txt"]
    columns = [at for at in (0, 1) if any(row[at].strip() for row in kept)]
    assert table.columns == [("a", "b")[at] for at in columns]
    assert table.rows == [[row[at] for at in columns] for row in kept]


def test_the_citys_tariff_prices_the_same_after_the_tables() -> None:
    data = city_tariff(month_cap="9000", free_days=[date(2026, 3, 21)])
    before, after = read_tariff(data), read_tariff(zip_of(tables_of(data)))
    for name in ("legs", "prices", "caps", "free_days", "passes", "transfers", "categories"):
        assert getattr(before, name) == getattr(after, name), name


amounts = st.integers(0, 10**6)


@given(st.lists(st.tuples(st.integers(1, 9), amounts, amounts), max_size=40))
def test_days_add_up_to_one(cards: list[tuple[int, int, int]]) -> None:
    """Cards dealt out over days and added give what one day of all gives, but for the order."""

    def add(run: DryRun, number: int, card: tuple[int, int, int]) -> None:
        card_no, now, then = card
        ride = Ride(number, 0, None, None, "card", "adult", (), 1)
        fares = [Fare("ride", "adult", 1, amount, amount, (), 1, "leg") for amount in (now, then)]
        run.add_card(card_no, [ride], fares[:1], fares[1:])

    one, whole = DryRun(date(2026, 1, 1)), DryRun(date(2026, 1, 1))
    for number, card in enumerate(cards):
        add(one, number, card)
        day = DryRun(date(2026, 1, 1 + number % 28))
        add(day, number, card)
        add_day(whole, day)
    assert whole.to_json() == one.to_json()
    assert sorted(map(abs, (d for d, _ in whole.largest))) == sorted(
        map(abs, (d for d, _ in one.largest))
    )
