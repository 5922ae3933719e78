"""What a desk may be asked: by whom, and with whose money."""

from typing import Any

import pytest

from sapar.access.model import Person
from sapar.core.errors import Refused
from sapar.finance.cards.acting import Asked, request_of
from sapar.ticketing.cards.requests import Paid, TopUp

CASHIER = Person(1, "anna", frozenset({"cashier"}))


def top_up(**paid: Any):
    values = {"amount_tiyn": 500_00, "paid": paid}
    asked = Asked(operation="top_up", key="k", reason="cash at the desk", values=values)
    return request_of(asked, "town", "c1", CASHIER)


def test_a_cash_desk_takes_money():
    request = top_up(by="cash_desk", name="desk-3")
    assert isinstance(request, TopUp)
    assert request.paid == Paid(by="cash_desk", name="desk-3")
    assert request.key == "desk:k"


@pytest.mark.parametrize(
    "paid",
    [
        {"by": "prepaid_agent", "name": "kassa24"},  # its deposit would pay
        {"by": "agent", "name": "kassa24"},  # it would owe
        {"by": "processor", "name": "kaspi"},
        {"by": "cash_desk", "name": "desk-3", "commission_tiyn": 500_00},
        {"by": "cash_desk", "name": "desk-3", "commission_tiyn": 0},
    ],
)
def test_nobody_elses_money_is_taken_at_a_desk(paid):
    with pytest.raises(Refused) as refused:
        top_up(**paid)
    assert refused.value.code == "paid_elsewhere"
