"""What the finance desk says of held taps over HTTP: looked at before, done, taken back."""

from typing import Any

import pytest

from sapar.core.db import connect
from tests.api.access_help import sign_in
from tests.api.conftest import Instance
from tests.api.finance.held_town import held, held_by_kind

__all__ = ["held"]  # a fixture

WORDS = {"accept": "seen on the camera", "reject": "nobody was there"}
STATE = (
    "SELECT tap_no, status, code, charged_tiyn, ruling FROM tap ORDER BY 1",
    "SELECT count(*), max(journal_no) FROM journal",
    "SELECT exception_no, closed_at, closed_by FROM ticketing_exception ORDER BY 1",
    "SELECT code, owner, balance FROM account ORDER BY 1, 2",
    "SELECT count(*) FROM tap_ruling",
    "SELECT count(*) FROM exception_comment",
    "SELECT count(*) FROM audit_log WHERE action LIKE 'tap.%'",
)


def rows_of(api: Instance, sql: str) -> list[tuple[Any, ...]]:
    with connect(api.conninfo) as connection:
        return connection.execute(sql).fetchall()


def state_of(api: Instance) -> list[list[tuple[Any, ...]]]:
    return [rows_of(api, sql) for sql in STATE]


async def say(api: Instance, kind: str, word: str, **more: Any) -> Any:
    number, _ = held_by_kind(api.conninfo)[kind]
    body = {"word": word, "text": WORDS.get(word, ""), **more}
    return await api.http.post(f"/api/finance/exceptions/{number}/rule", json=body)


async def foresee(api: Instance, kind: str, word: str) -> Any:
    number, _ = held_by_kind(api.conninfo)[kind]
    address = f"/api/finance/exceptions/{number}/rule/foresee"
    answer = await api.http.post(address, json={"word": word, "text": ""})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def told(api: Instance, kind: str) -> Any:
    number, _ = held_by_kind(api.conninfo)[kind]
    return (await api.http.get(f"/api/finance/exceptions/{number}/history.json")).json()


@pytest.mark.parametrize("kind", ["double_debit", "identity_conflict", "counter_reused"])
@pytest.mark.parametrize("word", ["accept", "reject"])
async def test_what_is_foreseen_changes_nothing_and_is_what_happens(
    held: Instance, kind: str, word: str
) -> None:
    name = await sign_in(held.http, held.conninfo, ["accountant"])
    assert (await told(held, kind))["tap"]["words"] == ["accept", "reject"]
    before = state_of(held)
    ahead = await foresee(held, kind, word)
    assert ahead["refused"] is None
    assert state_of(held) == before
    answer = await say(held, kind, word)
    assert answer.status_code == 200, answer.text
    came, foreseen = answer.json(), ahead["foreseen"]
    assert (came["before"]["status"], came["before"]["code"]) == ("held", kind)
    for one in (came, foreseen):
        assert "card_ref" not in str(one)
        one["posted"] = [
            [line["kind"], line["tap_no"], line["service_date"], line["entries"]]
            for line in one.pop("journals")
        ]
    assert came == foreseen
    assert came["after"]["status"] == ("posted" if word == "accept" else "held")
    assert bool(came["posted"]) == (word == "accept") == (came["journal_count"] > 0)
    with connect(held.conninfo) as connection:
        audited = connection.execute(
            "SELECT person, action, reason FROM audit_log WHERE action LIKE 'tap.%%'"
        ).fetchall()
    assert audited == [(name, f"tap.{word}", WORDS[word])]
    # the exception is closed by this person, and the opposite may be said
    after = await told(held, kind)
    assert after["exception"]["closed_by"] == name
    assert after["tap"]["words"] == ["reject" if word == "accept" else "accept"]
    [said] = after["tap"]["rulings"]
    assert (said["actor"], said["word"], said["code"]) == (name, word, kind)
    assert said["reason"] == WORDS[word]


async def test_rivals_are_told_with_what_becomes_of_them(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["chief_accountant"])
    twice = (await foresee(held, "double_debit", "accept"))["foreseen"]
    assert [one["why"] for one in twice["beside"]] == ["debit"]
    assert twice["beside"][0]["before"] == twice["beside"][0]["after"]
    for kind, why, card in (
        ("identity_conflict", "content", "•••• c7"),
        ("counter_reused", "counter", "•••• c10"),
    ):
        came = (await foresee(held, kind, "accept"))["foreseen"]
        [rival] = [one for one in came["beside"] if one["why"] == why]
        assert rival["card"]["label"] == card
        assert rival["before"]["status"] == "posted"
        assert (rival["after"]["status"], rival["after"]["code"]) == ("held", kind)
        assert {line["tap_no"] for line in came["journals"]} >= {came["tap_no"], rival["tap_no"]}


async def test_the_opposite_word_takes_it_back(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    balances = "SELECT code, owner, balance FROM account WHERE balance <> 0 ORDER BY 1, 2"
    taps = "SELECT status, charged_tiyn FROM tap ORDER BY tap_no"
    before = [rows_of(held, sql) for sql in (balances, taps)]
    for kind in ("double_debit", "identity_conflict", "counter_reused"):
        for word in ("accept", "reject"):
            assert (await say(held, kind, word)).status_code == 200
    assert [rows_of(held, sql) for sql in (balances, taps)] == before
    said = (await told(held, "double_debit"))["tap"]["rulings"]
    assert [one["word"] for one in said] == ["reject", "accept"]
    assert said[0]["code"] is None  # it was a ride then


@pytest.mark.parametrize(
    ("role", "status"), [("auditor", 403), ("cashier", 403), ("dispatcher", 403)]
)
async def test_others_rule_on_nothing(held: Instance, role: Any, status: int) -> None:
    await sign_in(held.http, held.conninfo, [role])
    before = state_of(held)
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    for path in ("rule", "rule/foresee"):
        address = f"/api/finance/exceptions/{number}/{path}"
        answer = await held.http.post(address, json={"word": "accept", "text": "so"})
        assert answer.status_code == status
    assert state_of(held) == before


async def test_an_auditor_reads_what_was_said(held: Instance) -> None:
    name = await sign_in(held.http, held.conninfo, ["accountant"])
    assert (await say(held, "double_debit", "reject")).status_code == 200
    await sign_in(held.http, held.conninfo, ["auditor"])
    [said] = (await told(held, "double_debit"))["tap"]["rulings"]
    assert (said["actor"], said["word"]) == (name, "reject")


async def test_a_word_needs_the_pages_own_token(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    answer = await held.http.post(
        f"/api/finance/exceptions/{number}/rule",
        json={"word": "accept", "text": "so"},
        headers={"X-Sapar-Csrf": "another"},
    )
    assert answer.status_code == 403
    assert state_of(held)[4] == [(0,)]


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("double_debit", {"text": "  "}, 422, "text"),
        ("double_debit", {"text": "4111 1111 1111 1111"}, 422, "pan_like"),
        ("double_debit", {"word": "perhaps"}, 422, "invalid_request"),
        ("unsigned", {}, 403, "not_acceptable"),
    ],
)
async def test_refusals(
    held: Instance, kind: str, body: dict[str, str], status: int, code: str
) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    before = state_of(held)
    answer = await say(held, kind, **{"word": "accept", **body})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert state_of(held) == before
    if kind == "unsigned":
        assert (await foresee(held, kind, "accept"))["refused"]["code"] == code
        assert (await told(held, kind))["tap"]["words"] == []


async def test_what_is_no_longer_held_or_was_resolved_is_refused(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    body = {"entries": [[5170, "", 8000], [2310, "green", -8000]], "text": "paid", "key": "k1"}
    done = await held.http.post(f"/api/finance/exceptions/{number}/resolve", json=body)
    assert done.status_code == 200, done.text
    answer = await say(held, "double_debit", "accept")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "resolved_by_posting")
    assert (await foresee(held, "double_debit", "accept"))["refused"]["code"] == (
        "resolved_by_posting"
    )
    # an exception about a ride that nobody ever ruled on, and one about no tap
    with connect(held.conninfo) as connection:
        [(ride,), (none,)] = connection.execute(
            "INSERT INTO ticketing_exception (agency_id, kind, subject, value_tiyn, detail, tap_no,"
            " opened_at) SELECT 'town', 'balance_break', n, 0, 'x', CASE n WHEN 'a' THEN"
            " (SELECT min(tap_no) FROM tap WHERE status = 'posted') END, now()"
            " FROM unnest(ARRAY['a', 'b']) n RETURNING exception_no"
        ).fetchall()
    for exception_no, status, code in ((ride, 403, "not_held"), (none, 404, "unknown_tap")):
        address = f"/api/finance/exceptions/{exception_no}"
        answer = await held.http.post(f"{address}/rule", json={"word": "accept", "text": "so"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        ahead = await held.http.post(
            f"{address}/rule/foresee", json={"word": "accept", "text": "so"}
        )
        assert ahead.json()["refused"]["code"] == code


async def test_a_fare_that_was_given_back_is_not_taken_back(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    assert (await say(held, "double_debit", "accept")).status_code == 200
    _, tap_no = held_by_kind(held.conninfo)["double_debit"]
    found = await held.http.post(
        "/api/finance/cards/look-up", json={"tap_no": tap_no, "reason": "asked"}
    )
    refund = {
        "operation": "refund_tap",
        "key": "r1",
        "reason": "bus broke down",
        "values": {"tap_no": tap_no, "settled": False, "no_ride": False},
    }
    address = f"/api/finance/cards/{found.json()['card_no']}/operations"
    given = await held.http.post(address, json=refund)
    assert given.status_code == 201, given.text
    answer = await say(held, "double_debit", "reject")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "already_refunded")
    assert (await foresee(held, "double_debit", "reject"))["refused"]["code"] == "already_refunded"
