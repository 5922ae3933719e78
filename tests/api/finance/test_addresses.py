"""What the addresses of finance are asked that no page asks: it is refused, and nothing breaks."""

import pytest

from sapar.api.door import BODY_MAX
from tests.api.access_help import sign_in
from tests.api.finance.settled_town import Settled, settled
from tests.finance.settlement.support import DAY
from tests.ticketing.world import AGENCY

__all__ = ["settled"]  # a fixture
BASE = "/api/finance"
ONE = f"{BASE}/agents/agent/kassa24"
LONG = "0" * 20 + "9" * 5000


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{BASE}/journals/{LONG}", 404),
        (f"{BASE}/journals/{2**63}", 404),
        (f"{BASE}/journals/-1", 404),
        (f"{BASE}/statements/1e3", 404),
        (f"{ONE}?to=0001-01-01", 422),
        (f"{ONE}?to=9999-12-31", 422),
        (f"{BASE}/days/9999-12-31/status.json", 422),
        (f"{BASE}/agents/agent/%00", 422),
        (f"{BASE}/exceptions.json?kind=%00", 422),
        (f"{BASE}/exceptions.json?text=%25%2500", 200),
        (f"/elsewhere{BASE}/carriers.json", 403),
        (f"/{AGENCY}{BASE}/carriers.json", 200),
    ],
)
async def test_odd_addresses(settled: Settled, path: str, status: int) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("auditor",), agency_id=AGENCY)
    assert (await http.get(path)).status_code == status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("matching/matches", f'{{"key": "k", "lines": [{2**63}], "items": []}}'),
        ("matching/matches", '{"key": "k", "lines": [-1], "items": []}'),
        ("cards/look-up", '{"text": ' + "[" * 3000 + "]" * 3000 + "}"),
    ],
)
async def test_odd_bodies(settled: Settled, path: str, body: str) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("accountant",), agency_id=AGENCY)
    refused = await http.post(f"{BASE}/{path}", content=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_request")


async def test_a_long_register_is_read(settled: Settled) -> None:
    http = settled.api.http
    address = f"{ONE}/days/{DAY}/register"
    lines = [f"{number};{DAY} 09:00:00;1.00;{'x' * 150}\n" for number in range(10_000)]
    register = f"reference;time;amount;remark\n{''.join(lines)}".encode()
    assert len(register) > BODY_MAX
    assert (await http.post(address, content=register)).status_code == 401
    await sign_in(http, settled.api.conninfo, ("accountant",), agency_id=AGENCY)
    taken = await http.post(address, content=register, params={"name": "4111111111111111.csv"})
    assert (taken.status_code, taken.json().get("row_count")) == (201, 10_000), taken.text
    kept = (await http.get(ONE)).json()["registers"][0]
    assert kept["file_name"] == "411111******1111.csv"
    longer = await http.post(address, content=register * 12)
    assert longer.json()["error"]["code"] == "body_too_long"
    other = await http.post(f"{ONE}/status", content=register)
    assert other.status_code == 413


async def test_nobody_at_a_desk_says_that_an_agent_took_the_money(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("cashier", "accountant"), agency_id=AGENCY)
    before = (await http.get(f"{BASE}/agents.json")).json()["agents"]
    asked = {"operation": "top_up", "key": "t-1", "reason": "paid in cash"}
    answers = [
        await http.post(
            f"{BASE}/cards/1/operations",
            json=asked
            | {"values": {"amount_tiyn": 500_000, "paid": {"by": by, "name": "kassa24"}}},
        )
        for by in ("agent", "cash_desk")
    ]
    assert [one.json()["error"]["code"] for one in answers] == ["paid_elsewhere"] * 2
    assert (await http.get(f"{BASE}/agents.json")).json()["agents"] == before
