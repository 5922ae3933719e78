"""What the finance desk says of held taps over HTTP: looked at before, done, taken back."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from sapar.core.db import connect
from tests.api.access_help import sign_in
from tests.api.conftest import Instance
from tests.api.finance.held_town import held, held_by_kind, reuse_in_next_month

__all__ = ["held"]  # a fixture

WORDS = {"accept": "seen on the camera", "reject": "nobody was there"}
SO = {"word": "accept", "text": "so", "key": "k", "seen": None}
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


def newest(api: Instance, tap_no: int) -> int | None:
    sql = f"SELECT max(ruling_no) FROM tap_ruling WHERE tap_no = {tap_no}"
    found: int | None = rows_of(api, sql)[0][0]
    return found


async def say(api: Instance, kind: str, word: str, **more: Any) -> Any:
    """Say a word as a page that has just looked."""
    number, tap_no = held_by_kind(api.conninfo)[kind]
    body: dict[str, Any] = {"word": word, "text": WORDS.get(word, ""), "key": str(uuid4())}
    body |= {"seen": newest(api, tap_no), **more}
    return await api.http.post(f"/api/finance/exceptions/{number}/rule", json=body)


async def foresee(api: Instance, kind: str, word: str) -> Any:
    number, tap_no = held_by_kind(api.conninfo)[kind]
    address = f"/api/finance/exceptions/{number}/rule/foresee"
    body = {"word": word, "seen": newest(api, tap_no)}
    answer = await api.http.post(address, json=body)
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


async def test_a_rival_of_the_month_before_is_told(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    await reuse_in_next_month(held.conninfo)
    [(number, tap_no)] = rows_of(
        held,
        "SELECT exception_no, tap_no FROM ticketing_exception JOIN tap USING (tap_no)"
        " WHERE kind = 'counter_reused' AND event_at >= '2026-04-01'",
    )
    address = f"/api/finance/exceptions/{number}/rule"
    ahead = await held.http.post(f"{address}/foresee", json={"word": "accept", "seen": None})
    assert ahead.status_code == 200, ahead.text
    answer = await held.http.post(address, json=SO)
    assert answer.status_code == 200, answer.text
    came = answer.json()
    assert (came["tap_no"], came["after"]["status"]) == (tap_no, "posted")
    rivals = [one for one in came["beside"] if one["why"] == "counter"]
    assert [one["after"]["code"] for one in rivals] == ["counter_reused"] * 2
    assert [one["before"]["status"] for one in rivals] == ["posted", "held"]


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
        answer = await held.http.post(address, json=SO)
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
        json=SO,
        headers={"X-Sapar-Csrf": "another"},
    )
    assert answer.status_code == 403
    assert state_of(held)[4] == [(0,)]


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("double_debit", {"text": "  "}, 422, "text"),
        ("double_debit", {"text": "4111 1111 1111 1111"}, 422, "pan_like"),
        ("double_debit", {"key": " "}, 422, "text"),
        ("double_debit", {"key": None}, 422, "invalid_request"),
        ("double_debit", {"word": "perhaps"}, 422, "invalid_request"),
        ("unsigned", {}, 403, "not_acceptable"),
    ],
)
async def test_refusals(
    held: Instance, kind: str, body: dict[str, Any], status: int, code: str
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
        answer = await held.http.post(f"{address}/rule", json=SO)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        ahead = await held.http.post(f"{address}/rule/foresee", json=SO)
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


async def test_the_same_word_asked_again_is_said_once(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    both = [say(held, "identity_conflict", "accept", key="k", seen=None) for _ in range(2)]
    first, again = await asyncio.gather(*both)
    assert first.status_code == 200, first.text
    assert first.json()["journal_count"] == 4
    after = state_of(held)
    assert after[4] == after[6] == [(1,)]
    assert again.json() == first.json()
    # also where somebody has said the opposite since
    await sign_in(held.http, held.conninfo, ["chief_accountant"])
    assert (await say(held, "identity_conflict", "reject")).status_code == 200
    after = state_of(held)
    await sign_in(held.http, held.conninfo, ["accountant"])
    other = await say(held, "identity_conflict", "accept", key="k", seen=None)
    # another person's request is not the same
    assert (other.status_code, other.json()["error"]["code"]) == (403, "idempotency_conflict")
    assert state_of(held) == after


async def test_it_is_the_same_after_the_opposite_word(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    first = await say(held, "double_debit", "accept", key="k", seen=None)
    assert (await say(held, "double_debit", "reject")).status_code == 200
    after = state_of(held)
    again = await say(held, "double_debit", "accept", key="k", seen=None)
    assert (again.status_code, again.json()) == (200, first.json())
    assert state_of(held) == after
    history = (await told(held, "double_debit"))["history"]
    assert [line["action"] for line in history] == ["open", "close"]


@pytest.mark.parametrize("more", [{"word": "reject"}, {"text": "other"}])
async def test_a_key_with_other_content_is_refused_and_reported(
    held: Instance, more: dict[str, str]
) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    asked: dict[str, Any] = {"word": "accept", "key": "k", "seen": None}
    assert (await say(held, "double_debit", **asked)).status_code == 200
    before = state_of(held)
    answer = await say(held, "double_debit", **{**asked, **more})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "idempotency_conflict")
    assert state_of(held) == before
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    assert rows_of(held, "SELECT source_key FROM key_conflict") == [(f"ruling:{number}:k",)]


async def test_a_word_of_who_has_not_seen_the_newest_is_refused(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    assert (await say(held, "double_debit", "reject")).status_code == 200
    before = state_of(held)
    for key in ("k", "k", "l"):  # a refusal stays so under its key
        answer = await say(held, "double_debit", "accept", key=key, seen=None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ruled_meanwhile")
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    ahead = await held.http.post(f"/api/finance/exceptions/{number}/rule/foresee", json=SO)
    assert ahead.json()["refused"]["code"] == "ruled_meanwhile"
    assert state_of(held) == before
    [said] = (await told(held, "double_debit"))["tap"]["rulings"]
    seen = await say(held, "double_debit", "accept", seen=said["ruling_no"])
    assert seen.status_code == 200, seen.text


async def test_of_two_words_at_once_one_is_refused(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    both = [say(held, "double_debit", word, seen=None) for word in ("accept", "reject")]
    answers = await asyncio.gather(*both)
    assert sorted(one.status_code for one in answers) == [200, 409]
    assert state_of(held)[4] == [(1,)]


async def test_what_a_word_decided_is_not_opened_again(held: Instance) -> None:
    await sign_in(held.http, held.conninfo, ["accountant"])
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    address = f"/api/finance/exceptions/{number}"
    for act in ("close", "reopen"):  # without a word it is opened again
        assert not (await told(held, "double_debit"))["tap"]["decided"]
        done = await held.http.post(f"{address}/{act}", json={"text": "so"})
        assert done.status_code == 200, done.text
    for word in ("accept", "reject"):
        assert (await say(held, "double_debit", word)).status_code == 200
        assert (await told(held, "double_debit"))["tap"]["decided"]
        answer = await held.http.post(f"{address}/reopen", json={"text": "so"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "decided_by_ruling")
