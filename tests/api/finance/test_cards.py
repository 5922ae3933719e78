"""The card desk over HTTP: look-ups with reasons, all about a card, operations once, journals."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.db import connect
from sapar.finance.cards.telling import find_holes
from sapar.ticketing.cards.lookup.numbers import ensure_lookup_key, hash_number
from tests.api.access_help import sign_in
from tests.api.conftest import Instance
from tests.api.finance.money_town import DAY, card_no_of, money

__all__ = ["money"]  # a fixture


async def look_up(http: httpx.AsyncClient, reason: str = "rider asks", **how: Any) -> Any:
    return await http.post("/api/finance/cards/look-up", json={"reason": reason, **how})


async def opened(api: Instance, card_ref: str, *roles: str) -> tuple[int, dict[str, Any]]:
    """Sign in, look a card up and give all that is told about it."""
    await sign_in(api.http, api.conninfo, roles or ("cashier",))  # type: ignore[arg-type]
    found = await look_up(api.http, text=card_ref)
    assert found.status_code == 200, found.text
    number = found.json()["card_no"]
    return number, (await api.http.get(f"/api/finance/cards/{number}")).json()


def audit_lines(api: Instance, action: str) -> list[tuple[Any, ...]]:
    with connect(api.conninfo) as connection:
        return connection.execute(
            "SELECT person, target, reason, after FROM audit_log WHERE action = %s"
            " ORDER BY audit_no",
            (action,),
        ).fetchall()


async def test_a_look_up_needs_a_reason_once_a_session_and_is_logged(money: Instance) -> None:
    name = await sign_in(money.http, money.conninfo, ("cashier",))
    number = card_no_of(money.conninfo, "c1")
    direct = await money.http.get(f"/api/finance/cards/{number}")
    assert (direct.status_code, direct.json()["error"]["code"]) == (422, "reason_needed")
    silent = await look_up(money.http, reason="  ", text="c1")
    assert silent.json() == {"card_no": number, "reason_needed": True}
    assert (await money.http.get(f"/api/finance/cards/{number}")).status_code == 422
    known = {"card_no": number, "reason_needed": False}
    assert (await look_up(money.http, text=" c1 ")).json() == known
    assert (await look_up(money.http, reason="", text="c1")).json() == known
    assert (await money.http.get(f"/api/finance/cards/{number}")).status_code == 200
    [line] = audit_lines(money, "card.look_up")
    assert line[:3] == (name, f"card {number}", "rider asks")
    # another session of anybody has to say it again
    await sign_in(money.http, money.conninfo, ("auditor",))
    assert (await look_up(money.http, reason="", text="c1")).json()["reason_needed"] is True


async def test_finding_says_whether_the_form_or_the_card_is_wrong(
    money: Instance, settings: Any
) -> None:
    await sign_in(money.http, money.conninfo, ("accountant",))
    for text, status, code in [
        ("4000 0000 0000 0002", 422, "pan_like"),
        ("", 422, "card_number"),
        ("№ 5", 422, "card_number"),
        ("99887766", 404, "unknown_card"),
    ]:
        answer = await look_up(money.http, text=text)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), text
    key = ensure_lookup_key(settings.card_lookup_key_file)
    number = card_no_of(money.conninfo, "c2")
    with connect(money.conninfo) as connection:
        connection.execute(
            "INSERT INTO card_pin (card_no, number_hash, pin_hash, set_at, set_by)"
            " VALUES (%s, %s, 'x', now(), 'test')",
            (number, hash_number(key, "town", "99887766")),
        )
        [(tap_no,)] = connection.execute(
            "SELECT tap_no FROM tap WHERE card_no = %s", (number,)
        ).fetchall()
    assert (await look_up(money.http, text="9988-7766")).json()["card_no"] == number
    assert (await look_up(money.http, tap_no=tap_no)).json()["card_no"] == number
    assert (await look_up(money.http, tap_no=10**12)).status_code == 404


async def test_all_about_a_card_and_never_its_reference(money: Instance) -> None:
    number, told = await opened(money, "c1")
    statement = told["statement"]
    assert (statement["status"], statement["pending_tiyn"]) == ("active", 200_000)
    rides = [one for one in statement["movements"] if one["kind"] == "ride"]
    assert [one["amount_tiyn"] for one in rides] == [-8000, -8000]
    assert rides[0]["journals"]
    assert rides[0]["ride"]["rule"] if "rule" in rides[0]["ride"] else rides[0]["rule"]
    assert [hole[:2] for hole in told["holes"]] == [[8, 10]]
    tap_no = str(rides[0]["ride"]["tap_no"])
    assert told["taps"][tap_no] == [7, "card", True]
    assert "c1" not in str({**told, "label": ""})
    assert told["label"].startswith("••••")
    journal = (await money.http.get(f"/api/finance/journals/{rides[0]['journals'][0]}")).json()
    assert sum(one["amount"] for one in journal["entries"] if one["asset"] == "KZT") == 0
    purse = next(one for one in journal["entries"] if one["code"] == 2110)
    assert (purse["amount"], purse["card"]["card_no"]) == (8000, number)
    assert journal["service_date"] == DAY


async def test_an_operation_happens_once_under_its_key_with_reason_and_receipt(
    money: Instance,
) -> None:
    number, _ = await opened(money, "c1")
    address = f"/api/finance/cards/{number}/operations"
    asked: dict[str, Any] = {
        "operation": "top_up",
        "key": "page-1",
        "reason": "cash at desk 3",
        "values": {"amount_tiyn": 100_000, "paid": {"by": "cash_desk", "name": "desk-3"}},
    }
    first, again = await asyncio.gather(*[money.http.post(address, json=asked) for _ in range(2)])
    assert {first.status_code, again.status_code} == {201}
    assert first.json()["receipt"] == again.json()["receipt"]
    assert {first.json()["repeated"], again.json()["repeated"]} == {True, False}
    other = await money.http.post(address, json={**asked, "values": {**asked["values"],
        "amount_tiyn": 1}})  # fmt: skip
    assert other.json()["error"]["code"] == "idempotency_conflict"
    [line] = audit_lines(money, "card.top_up")
    assert line[2] == "cash at desk 3"
    told = (await money.http.get(f"/api/finance/cards/{number}")).json()
    assert told["operations"][0]["reason"] == "cash at desk 3"
    assert told["operations"][0]["receipt"]["purse_tiyn"] == first.json()["receipt"]["purse_tiyn"]


async def test_operations_are_for_their_roles_and_need_a_reason(money: Instance) -> None:
    number, told = await opened(money, "c1")
    ride = next(one["ride"] for one in told["statement"]["movements"] if one["ride"])
    address = f"/api/finance/cards/{number}/operations"
    refund = {"operation": "refund_tap", "key": "r", "reason": "bus broke down",
              "values": {"tap_no": ride["tap_no"]}}  # fmt: skip
    answer = await money.http.post(address, json=refund)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_missing")
    await sign_in(money.http, money.conninfo, ("accountant",))
    answer = await money.http.post(address, json={**refund, "reason": " "})
    assert answer.json()["error"]["code"] == "reason_needed"
    answer = await money.http.post(address, json={**refund, "operation": "issue"})
    assert answer.json()["error"]["code"] == "bad_operation"
    answer = await money.http.post(address, json={**refund, "values": {"tap_no": "x"}})
    assert answer.json()["error"]["code"] == "bad_operation"
    before = told["statement"]["purse_tiyn"]
    done = await money.http.post(address, json=refund)
    assert done.json()["receipt"]["purse_tiyn"] == before + 8000


@pytest.mark.parametrize(
    ("operation", "values", "status"),
    [
        ("block", {"reason": "lost"}, "blocked"),
        ("replace", {"new_card_ref": "fresh-1"}, "replaced"),
        ("change_category", {"category": "student"}, "active"),
    ],
)
async def test_a_card_is_blocked_replaced_and_given_a_category(
    money: Instance, operation: str, values: dict[str, str], status: str
) -> None:
    number, _ = await opened(money, "c2")
    address = f"/api/finance/cards/{number}/operations"
    asked = {"operation": operation, "key": "1", "reason": "said at the desk", "values": values}
    done = await money.http.post(address, json=asked)
    assert done.json()["receipt"]["status"] == status, done.text
    told = (await money.http.get(f"/api/finance/cards/{number}")).json()
    if operation == "replace":
        assert told["replaced_by"]["label"] == "•••• sh-1"
        assert "fresh-1" not in str(told)
    if operation == "block":
        assert told["statement"]["blocks"][-1]["note"] == "said at the desk"
        freed = {"operation": "unblock", "key": "2", "reason": "found"}
        done = await money.http.post(address, json=freed)
        assert done.json()["receipt"]["status"] == "active"


counters = st.lists(st.tuples(st.none() | st.integers(0, 60), st.integers(0, 10**6)), max_size=30)


@given(counters)
def test_holes_and_taps_together_are_every_number(taps: list[tuple[int | None, int]]) -> None:
    known = {counter for counter, _ in taps if counter is not None}
    holes = find_holes(taps)
    missing = [n for hole in holes for n in range(hole.from_counter, hole.to_counter + 1)]
    assert len(missing) == len(set(missing))
    assert known.isdisjoint(missing)
    if known:
        assert known | set(missing) == set(range(min(known), max(known) + 1))
