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


async def test_what_an_operation_would_post_is_told_and_kept_nowhere(money: Instance) -> None:
    number, before = await opened(money, "c1", "cashier")
    address = f"/api/finance/cards/{number}"
    paid = {"by": "cash_desk", "name": "desk-3"}
    asked = {"operation": "top_up", "key": "k", "reason": "",
             "values": {"amount_tiyn": 70_000, "paid": paid}}  # fmt: skip
    for _ in range(2):
        told = (await money.http.post(f"{address}/foresee", json=asked)).json()
        assert told["refused"] is None
        [journal] = told["foreseen"]["journals"]
        entries = {(one["code"], one["owner"]): one["amount"] for one in journal["entries"]}
        assert entries == {(1110, "desk-3"): 70_000, (2110, ""): -70_000}
        purse = before["statement"]["purse_tiyn"] + 70_000
        assert told["foreseen"]["receipt"]["purse_tiyn"] == purse
    after = (await money.http.get(address)).json()
    assert after["statement"] == before["statement"]
    assert audit_lines(money, "card.top_up") == []
    offer = before["passes_on_offer"][0]
    sold = {name: offer[name] for name in ("product_id", "valid_from_ms", "valid_to_ms")}
    cheap = {"operation": "sell_pass", "key": "p", "reason": "x",
             "values": {**sold, "price_tiyn": 1, "paid": paid}}  # fmt: skip
    told = (await money.http.post(f"{address}/foresee", json=cheap)).json()
    assert told["refused"]["code"] == "not_offered"
    done = await money.http.post(f"{address}/operations", json=cheap)
    assert (done.status_code, done.json()["error"]["code"]) == (403, "not_offered")
    # neither is a card told about that nobody has said why to look at, nor a reference in a refusal
    other = card_no_of(money.conninfo, "c4")
    silent = await money.http.post(f"/api/finance/cards/{other}/foresee", json=asked)
    assert silent.json()["error"]["code"] == "reason_needed"
    blocked = await money.http.post(
        f"/api/finance/cards/{other}/operations", json={**asked, "reason": "cash"}
    )
    assert blocked.json()["error"]["code"] == "card_blocked"
    assert "card c4 " not in blocked.text


async def test_money_is_taken_at_ones_own_desk(money: Instance) -> None:
    number, _ = await opened(money, "c1", "cashier")
    address = f"/api/finance/cards/{number}/operations"
    with connect(money.conninfo) as connection:
        connection.execute(
            "INSERT INTO cash_desk (agency_id, desk_id, name, created_at, created_by)"
            " VALUES ('town', 'desk-1', 'Station', now(), 'test')"
        )

    async def sell(desk: str, key: str) -> Any:
        values = {"amount_tiyn": 100, "paid": {"by": "cash_desk", "name": desk}}
        asked = {"operation": "top_up", "key": key, "reason": "cash", "values": values}
        return (await money.http.post(address, json=asked)).json()

    assert (await sell("desk-3", "1"))["error"]["code"] == "unknown_desk"
    assert (await sell("desk-1", "2"))["error"]["code"] == "not_your_desk"
    with connect(money.conninfo) as connection:
        connection.execute(
            "INSERT INTO cash_desk_seller (agency_id, desk_id, user_id, added_at, added_by)"
            " SELECT 'town', 'desk-1', max(user_id), now(), 'test' FROM person"
        )
    first = await sell("desk-1", "3")
    with connect(money.conninfo) as connection:
        connection.execute("UPDATE cash_desk SET status = 'closed'")
    again = await sell("desk-1", "3")  # it was done: closing the desk since changes nothing of it
    assert (again["repeated"], again["receipt"]) == (True, first["receipt"])
    assert (await sell("desk-1", "4"))["error"]["code"] == "desk_closed"


async def test_no_account_is_called_by_a_bank_cards_number(money: Instance) -> None:
    number, _ = await opened(money, "c1")
    for operation, values in [
        ("return", {"channel": "4111 1111 1111 1111"}),
        ("top_up", {"amount_tiyn": 1, "paid": {"by": "cash_desk", "name": "4111111111111111"}}),
    ]:
        asked = {"operation": operation, "key": operation, "reason": "so", "values": values}
        for way in ("foresee", "operations"):
            refused = await money.http.post(f"/api/finance/cards/{number}/{way}", json=asked)
            assert refused.json().get("error", {}).get("code") == "pan_like", refused.text


async def test_who_takes_money_off_a_card_does_not_pay_it_out(money: Instance) -> None:
    number, _ = await opened(money, "c1", "chief_accountant")
    address = f"/api/finance/cards/{number}/operations"
    owed = {"amount_tiyn": 1000, "channel": "bank"}
    withdraw = {"operation": "withdraw", "key": "w", "reason": "moves away", "values": owed}
    pay = {"operation": "pay_out", "key": "p", "reason": "details given",
           "values": {**owed, "bank": "main"}}  # fmt: skip
    assert (await money.http.post(address, json=withdraw)).status_code == 201
    refused = await money.http.post(address, json=pay)
    assert refused.json()["error"]["code"] == "same_person"
    number, _ = await opened(money, "c1", "chief_accountant", "auditor")  # another person
    done = await money.http.post(address, json={**pay, "key": "p2"})
    assert done.status_code == 201, done.text


async def _sold(money: Instance, number: int, offer: dict[str, Any], key: str) -> int:
    """Sell a pass at a desk and give the number of its sale."""
    names = ("product_id", "price_tiyn", "valid_from_ms", "valid_to_ms")
    values = {name: offer[name] for name in names}
    values["paid"] = {"by": "cash_desk", "name": "desk-3"}
    asked = {"operation": "sell_pass", "key": key, "reason": "asked for", "values": values}
    done = await money.http.post(f"/api/finance/cards/{number}/operations", json=asked)
    assert done.status_code == 201, done.text
    return int(done.json()["receipt"]["journal_no"])


async def test_a_pass_is_taken_back_once_by_whoever_may_refund(money: Instance) -> None:
    number, before = await opened(money, "c1", "cashier")
    today, following = before["passes_on_offer"]
    sale = await _sold(money, number, following, "s1")
    used = await _sold(money, number, today, "s2")  # rides of today are on it at once
    address = f"/api/finance/cards/{number}"
    asked: dict[str, Any] = {"operation": "take_back_pass", "key": "b", "reason": "wrong month",
                             "values": {"sale_no": sale}}  # fmt: skip
    refused = await money.http.post(f"{address}/operations", json=asked)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_missing")

    number, told = await opened(money, "c1", "accountant")
    assert [one[3:] for one in told["statement"]["passes"]] == [[used, 450_000], [sale, 450_000]]
    seen = (await money.http.post(f"{address}/foresee", json={**asked, "reason": ""})).json()
    [journal] = seen["foreseen"]["journals"]
    assert (journal["kind"], journal["reverses"]) == ("take_back_pass", sale)
    assert {(one["code"], one["owner"]): one["amount"] for one in journal["entries"]} == {
        (2140, "month_pass 2026-04"): 450_000, (1110, "desk-3"): -450_000,
    }  # fmt: skip
    other = {**asked, "values": {"sale_no": used}}
    seen = (await money.http.post(f"{address}/foresee", json=other)).json()
    assert seen["refused"]["code"] == "pass_used"

    first, again = await asyncio.gather(
        *[money.http.post(f"{address}/operations", json=asked) for _ in range(2)]
    )
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert {first.json()["repeated"], again.json()["repeated"]} == {True, False}
    [line] = audit_lines(money, "card.take_back_pass")
    assert line[2] == "wrong month"
    after = (await money.http.get(address)).json()
    assert [one[3] for one in after["statement"]["passes"]] == [used]
    newest = after["operations"][0]
    assert (newest["kind"], newest["amount_tiyn"], newest["reason"]) == (
        "take_back_pass", 450_000, "wrong month",
    )  # fmt: skip
    for key, sale_no, code in (("b2", sale, "already_taken_back"), ("b3", used, "pass_used")):
        late = {**asked, "key": key, "values": {"sale_no": sale_no}}
        refused = await money.http.post(f"{address}/operations", json=late)
        assert refused.json()["error"]["code"] == code
