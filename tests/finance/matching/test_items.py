"""Items are made once, keep their content, and are cancelled only while nothing pays them."""

from datetime import UTC, date, datetime

import pytest

from sapar.core.db import Pool, connect
from sapar.core.errors import Fault, NotFound
from sapar.finance.matching.items import NewItem, add_items, cancel_item, list_items

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEPOSIT = NewItem(
    "demo", "agent_deposit", "deposit:a:1", 1110, "a", 5_000_00, date(2026, 11, 20),
    reference="D-1", residual_code=1110, residual_owner="a", detail={"day": "2026-11-20"},
)  # fmt: skip
PAYOUT = NewItem(
    "demo", "processor_payout", "payout:k:1", 1020, "kaspi", 9_000_00, date(2026, 11, 20),
    fee_tiyn=90_00, batch_ref="B-1", residual_code=5160, residual_owner="", tolerance_tiyn=100,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _agency(database: str) -> None:
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('demo', 'Demo', 'Asia/Almaty')"
        )


async def test_an_item_is_made_once(pool: Pool) -> None:
    async with pool.connection() as connection:
        first = await add_items(connection, [DEPOSIT, PAYOUT])
        again = await add_items(connection, [PAYOUT, DEPOSIT, PAYOUT])
        listed = await list_items(connection, "demo")
    assert again == [first[1], first[0], first[1]]
    assert [item.item_no for item in listed] == first[::-1]
    assert listed[1].detail == {"day": "2026-11-20"}
    assert {item.state for item in listed} == {"open"}


@pytest.mark.parametrize(
    "change",
    [
        {"amount_tiyn": 5_000_01},
        {"owner": "b"},
        {"reference": ""},
        {"counterparty_bin": "060140002345"},
        {"detail": None},
        {"due_on": date(2026, 11, 22)},
    ],
)
async def test_a_key_with_other_content_is_a_fault(pool: Pool, change: dict[str, object]) -> None:
    async with pool.connection() as connection:
        await add_items(connection, [DEPOSIT])
    with pytest.raises(Fault, match="other content"):
        async with pool.connection() as connection:
            await add_items(connection, [DEPOSIT._replace(**change)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": 1111},
        {"code": 2110},
        {"code": 9110},
        {"owner": ""},
        {"residual_code": 5160, "residual_owner": "x"},
        {"amount_tiyn": 0},
        {"amount_tiyn": 10**16},
    ],
)
async def test_an_account_must_be_in_the_chart(pool: Pool, wrong: dict[str, object]) -> None:
    async with pool.connection() as connection:
        with pytest.raises(Fault):
            await add_items(connection, [DEPOSIT._replace(**wrong)])  # type: ignore[arg-type]


async def test_cancelling_happens_once(pool: Pool) -> None:
    async with pool.connection() as connection:
        (item_no,) = await add_items(connection, [DEPOSIT])
        assert await cancel_item(connection, "demo", item_no, now=NOW)
        assert not await cancel_item(connection, "demo", item_no, now=NOW)
        with pytest.raises(NotFound):
            await cancel_item(connection, "other", item_no, now=NOW)
        assert await list_items(connection, "demo") == []
        (kept,) = await list_items(connection, "demo", state="cancelled")
    assert kept.cancelled_at == NOW
