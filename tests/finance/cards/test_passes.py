"""Passes on offer: the tariff's own, at its price, for whole months and fare days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import Refused
from sapar.finance.cards.passes import check_offered, offer_passes
from sapar.ticketing.cards.requests import SellPass
from sapar.ticketing.tariff.city import city_tariff
from sapar.ticketing.tariff.reader import read_tariff

TARIFF = read_tariff(city_tariff())
moments = st.datetimes(datetime(2020, 1, 1), datetime(2039, 1, 1), timezones=st.just(UTC)).map(
    lambda at: int(at.timestamp() * 1000)
)


def sold(offer, **other):
    values = {
        "product_id": offer.product_id, "price_tiyn": offer.price_tiyn,
        "valid_from_ms": offer.valid_from_ms, "valid_to_ms": offer.valid_to_ms,
    }  # fmt: skip
    return SellPass(agency_id="a", key="k", actor="t", card_ref="c", **values | other)


@given(moments)
def test_two_months_follow_one_another(now_ms):
    this, following = offer_passes(TARIFF, "student", now_ms)
    assert (this.price_tiyn, following.price_tiyn) == (2_250_00, 2_250_00)
    assert this.valid_from_ms <= now_ms < this.valid_to_ms == following.valid_from_ms
    assert this.first_day == TARIFF.calendar.fare_day(now_ms)  # what was paid before stays paid
    assert following.first_day.day == 1
    assert this.last_day + timedelta(days=1) == following.first_day
    assert TARIFF.calendar.fare_day(this.valid_to_ms - 1) == this.last_day
    check_offered([this, following], sold(this))


def test_who_has_no_price_is_offered_nothing():
    now_ms = int(datetime(2026, 3, 11, tzinfo=UTC).timestamp() * 1000)
    assert offer_passes(TARIFF, "nobody", now_ms) == []
    assert offer_passes(None, "adult", now_ms) == []
    offers = offer_passes(TARIFF, "adult", now_ms)
    assert [one.first_day for one in offers] == [date(2026, 3, 11), date(2026, 4, 1)]
    for other in (
        {"price_tiyn": 1}, {"product_id": "ride"}, {"valid_to_ms": offers[1].valid_to_ms},
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            check_offered(offers, sold(offers[0], **other))
        assert refused.value.code == "not_offered"
