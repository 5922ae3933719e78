"""Matching over HTTP: what is open, suggestions, by hand, undone, and the rules with progress."""

import json
from typing import Any

from tests.api.access_help import sign_in
from tests.api.finance.matched_town import Books, books
from tests.finance.matching.support import balances

__all__ = ["books"]  # a fixture
BASE = "/api/finance/matching"


async def seen(books: Books) -> dict[str, Any]:
    answer = await books.api.http.get(f"{BASE}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_open_with_its_ages_and_share(books: Books) -> None:
    await sign_in(books.api.http, books.api.conninfo, ("auditor",))
    found = await seen(books)
    assert [one["line_no"] for one in found["lines"]] == books.lines
    assert {one["item_no"] for one in found["items"]} == set(books.items)
    assert sum(one["receipts_tiyn"] for one in found["ages"]) == 695_500_50
    assert (found["share"]["explained_tiyn"], found["differences"]) == (0, [])
    assert found["accounts"][0] == {"code": 5160, "has_owner": False}
    other = await books.api.http.get(f"{BASE}.json", params={"account": "second"})
    assert other.json()["lines"] == []
    wrong = await books.api.http.get(f"{BASE}.json", params={"from": "yesterday"})
    assert wrong.json()["error"]["code"] == "bad_days"


async def test_suggestions_come_with_reasons(books: Books) -> None:
    await sign_in(books.api.http, books.api.conninfo, ("accountant",))
    line = books.lines[0]
    found = (await books.api.http.get(f"{BASE}/lines/{line}/suggestions.json")).json()
    first = found["suggestions"][0]
    assert (first["items"], first["difference_tiyn"]) == ([books.items[0]], 0)
    assert "named" in first["reasons"]
    assert (await books.api.http.get(f"{BASE}/lines/999/suggestions.json")).status_code == 404


async def test_a_person_matches_once_and_takes_it_apart(books: Books) -> None:
    await sign_in(books.api.http, books.api.conninfo, ("accountant",))
    http = books.api.http
    asked = {"key": "page-1", "lines": [books.lines[1]], "items": books.items[1:3]}
    first = await http.post(f"{BASE}/matches", json=asked)
    assert first.status_code == 201, first.text
    again = (await http.post(f"{BASE}/matches", json=asked)).json()
    assert again == {**first.json(), "repeated": True}
    assert books.lines[1] not in {one["line_no"] for one in (await seen(books))["lines"]}
    [match] = (await http.get(f"{BASE}/matches.json")).json()["matches"]
    assert (match["rule"], match["residual_tiyn"]) == ("hand", 0)
    undo = f"{BASE}/matches/{match['match_no']}/undo"
    assert (await http.post(undo, json={"reason": " "})).json()["error"]["code"] == "no_reason"
    assert (await http.post(undo, json={"reason": "the other month"})).status_code == 200
    twice = await http.post(undo, json={"reason": "again"})
    assert twice.json()["error"]["code"] == "already_undone"
    assert books.lines[1] in {one["line_no"] for one in (await seen(books))["lines"]}
    undone = (await http.get(f"{BASE}/matches.json", params={"undone": "1"})).json()["matches"]
    assert undone[0]["undo_reason"] == "the other month"


async def test_a_difference_needs_an_account_and_a_reason(books: Books) -> None:
    await sign_in(books.api.http, books.api.conninfo, ("accountant",))
    http = books.api.http
    asked: dict[str, Any] = {"key": "k", "lines": [books.lines[3]], "items": []}
    refused = await http.post(f"{BASE}/matches", json=asked)
    assert refused.json()["error"]["code"] == "residual_needs_account"
    wrong = await http.post(
        f"{BASE}/matches", json={**asked, "key": "w", "residual": [1010, "main"], "reason": "x"}
    )
    assert wrong.json()["error"]["code"] == "bad_account"
    residual = {"key": "k2", "residual": [2520, "town"], "reason": "rent of a stand"}
    done = await http.post(f"{BASE}/matches", json={**asked, **residual})
    assert done.json()["residual_tiyn"] == 12_000_00
    assert balances(books.api.conninfo)[2520, "town"] == -12_000_00


async def test_the_rules_run_with_progress_and_name_themselves(books: Books) -> None:
    await sign_in(books.api.http, books.api.conninfo, ("accountant",))
    http = books.api.http
    answer = await http.post(f"{BASE}/run")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    result = lines[-1]["result"]
    assert result["matches"] >= 1
    assert all({"done", "of"} == line.keys() for line in lines[:-1])
    found = (await http.get(f"{BASE}/matches.json")).json()["matches"]
    assert sum(result["by_rule"].values()) == len(found)
    assert {one["rule"] for one in found} == set(result["by_rule"])
    await sign_in(http, books.api.conninfo, ("auditor",))
    assert (await http.post(f"{BASE}/run")).status_code == 403
