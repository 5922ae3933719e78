"""Versions of contracts: refused when they cannot be, and never changed once used."""

from datetime import date

import psycopg
import pytest

from sapar.core.db import connect
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.settlement.contracts import list_contracts, remove_contract, terms_on
from tests.finance.settlement.support import DAY, NOW, Finance
from tests.ticketing.world import AGENCY


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "net", "rate_tiyn": 5},
        {"kind": "net", "city": "akimat"},
        {"kind": "net", "commission_bp": 10_001},
        {"kind": "gross_km", "rate_tiyn": None},
        {"kind": "gross_km", "city": ""},
        {"kind": "boarding", "commission_bp": 5},
        {"payee_bin": "12345"},
        {"payee_bin": "99014000038a"},
    ],
)
async def test_what_does_not_go_together_is_refused(finance: Finance, values):
    with pytest.raises(BadInput):
        await finance.contract("north", **values)
    assert await list_contracts(finance.connection, AGENCY) == []


async def test_versions_follow_one_another(finance: Finance):
    first = await finance.contract("north", valid_from=date(2026, 1, 1))
    second = await finance.contract("north", "gross_km", valid_from=date(2026, 3, 1))
    [one, two] = await list_contracts(finance.connection, AGENCY, "north")
    assert (one.valid_to, two.valid_to) == (date(2026, 2, 28), None)
    for day, number in (
        (date(2025, 12, 1), first), (date(2026, 2, 28), first), (date(2026, 3, 1), second),
    ):  # fmt: skip
        assert terms_on([one, two], day).contract_no == number.contract_no


async def test_the_same_again_is_the_same(finance: Finance):
    first = await finance.contract("north")
    assert await finance.contract("north") == first
    with pytest.raises(Refused) as refused:
        await finance.contract("north", commission_bp=5)
    assert refused.value.code == "contract_exists"
    with pytest.raises(NotFound):
        await finance.contract("nobody")


async def test_a_version_is_taken_away_until_it_is_used(finance: Finance):
    one = await finance.contract("north")
    await remove_contract(finance.connection, AGENCY, one.contract_no, actor="dana", now=NOW)
    one = await finance.contract("north")
    await finance.post(finance.taps(50, 30))
    finance.close(1)
    await finance.settle()
    with pytest.raises(Refused) as refused:
        await remove_contract(finance.connection, AGENCY, one.contract_no, actor="x", now=NOW)
    assert refused.value.code == "contract_used"
    for statement in (
        "UPDATE carrier_contract SET commission_bp = 0",
        "DELETE FROM carrier_contract",
    ):
        with (
            pytest.raises(Exception, match="was settled by") as caught,
            connect(finance.conninfo) as c,
        ):
            c.execute(statement)
        assert isinstance(caught.value.__cause__ or caught.value, psycopg.Error)
    with pytest.raises(Refused) as refused:
        await finance.contract("north", valid_from=DAY, commission_bp=5)
    assert refused.value.code == "contract_settled"


async def test_adding_and_removing_is_in_the_audit_log(finance: Finance):
    one = await finance.contract("north")
    await remove_contract(finance.connection, AGENCY, one.contract_no, actor="dana", now=NOW)
    rows = await finance.rows("SELECT action, person, target FROM audit_log ORDER BY audit_no")
    assert rows == [
        ("contract.add", "dana", "carrier north"), ("contract.remove", "dana", "carrier north"),
    ]  # fmt: skip
