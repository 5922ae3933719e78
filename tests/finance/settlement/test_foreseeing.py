"""What a version of a contract would change: told exactly, and nothing is kept of it."""

from datetime import date, timedelta
from typing import Any

import pytest

from sapar.core.errors import BadInput, Refused
from sapar.finance.settlement.contracts import NewContract, list_contracts, remove_contract
from sapar.finance.settlement.foreseeing import foresee_contract
from tests.finance.settlement.support import DAY, NOW, PAYEE, Finance
from tests.ticketing.world import AGENCY


def version(valid_from: date, **other: Any) -> NewContract:
    values: dict[str, Any] = {"carrier_id": "north", "kind": "net", "commission_bp": 700, **PAYEE}
    return NewContract(valid_from=valid_from, **values | other)


async def foresee(finance: Finance, new: NewContract):
    return await foresee_contract(finance.connection, AGENCY, new, actor="dana", now=NOW)


async def test_before_after_and_what_follows(finance: Finance):
    told = await foresee(finance, version(date(2026, 2, 1)))
    assert (told.before, told.next_from, told.repeated) == (None, None, False)
    assert await list_contracts(finance.connection, AGENCY) == []
    first = await finance.contract("north", valid_from=date(2026, 1, 1))
    later = await finance.contract("north", "gross_km", valid_from=date(2026, 9, 1))
    told = await foresee(finance, version(date(2026, 5, 1)))
    assert told.before is not None
    assert (told.before.contract_no, told.next_from) == (first.contract_no, later.valid_from)
    assert (told.after.commission_bp, told.after.valid_to) == (700, date(2026, 8, 31))
    assert len(await list_contracts(finance.connection, AGENCY)) == 2
    [(lines,)] = await finance.rows("SELECT count(*) FROM audit_log WHERE action = 'contract.add'")
    assert lines == 2
    again = version(first.valid_from, commission_bp=first.commission_bp)
    assert (await foresee(finance, again)).repeated


async def test_it_is_refused_as_it_would_be(finance: Finance):
    await finance.contract("north", valid_from=date(2026, 1, 1))
    await finance.post(finance.taps(50, 30))
    finance.close(1)
    await finance.settle()
    for valid_from, code in (
        (DAY, "contract_settled"), (date(2026, 1, 1), "contract_exists"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await foresee(finance, version(valid_from))
        assert refused.value.code == code
    for other in (
        {"payee_iban": "kz 12"},
        {"title": "a\nb"},
        {"rate_tiyn": 10**18},
        {"funder": ""},
    ):
        with pytest.raises(BadInput):
            await foresee(finance, version(DAY + timedelta(days=1), **other))
    told = await foresee(finance, version(DAY + timedelta(days=1)))
    assert told.before is not None
    assert told.before.used


async def test_why_a_version_was_withdrawn_is_in_the_log(finance: Finance):
    one = await finance.contract("north")
    await remove_contract(
        finance.connection, AGENCY, one.contract_no, actor="dana", now=NOW, reason="a typing error"
    )
    rows = await finance.rows("SELECT reason FROM audit_log WHERE action = 'contract.remove'")
    assert rows == [("a typing error",)]
