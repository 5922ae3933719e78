"""Terms name an account of ours that is registered; of another one nobody would hear."""

from datetime import timedelta

import pytest

from sapar.core.db import Pool, connect
from sapar.core.errors import BadInput
from sapar.finance.agents.foreseeing import foresee_terms
from sapar.finance.agents.model import AgentTerms, ProcessorTerms, Terms
from sapar.finance.agents.parties import add_party, agree_terms
from sapar.finance.bank.accounts import Doer, add_account
from tests.finance.agents.support import NOW, WHO
from tests.ticketing.cards.counter import AGENCY, DAY, ServicePoint

IBANS = {"main": "KZ86125KZT5004100100", "second": "KZ13722S000012345671"}
FOREIGN = "KZ75125KZT1001300335"


def agent(account: str | None, days: int = 0) -> Terms:
    begin = DAY + timedelta(days=days)
    return AgentTerms(from_date=begin, kind="postpaid", bank_account_id=account)


def processor(account: str | None, days: int = 0) -> Terms:
    return ProcessorTerms(from_date=DAY + timedelta(days=days), bank_account_id=account)


@pytest.fixture
async def accounts(point: ServicePoint, database: str) -> None:
    """Two accounts of ours, and one of another agency."""
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone)"
            " VALUES ('other', 'Other', 'Asia/Almaty')"
        )
    given = [(AGENCY, *one) for one in IBANS.items()]
    for agency_id, account, iban in [*given, ("other", "theirs", FOREIGN)]:
        await add_account(
            point.connection, agency_id,
            account=account, iban=iban, name=account, doer=Doer("clerk"), now=NOW,
        )  # fmt: skip


@pytest.mark.parametrize("made", [agent, processor])
@pytest.mark.parametrize(
    ("account", "refused"),
    [
        (None, False),  # on any
        ("main", False),
        ("second", False),
        ("mian", True),
        ("Main", True),
        ("main ", True),
        (IBANS["main"], True),  # terms go by the short name
        ("theirs", True),
    ],
)
async def test_an_unknown_account_is_refused_whatever_is_done(
    pool: Pool, point: ServicePoint, accounts: None, made, account, refused
) -> None:
    await add_party(pool, AGENCY, "old", "Old", made(None), WHO)
    later = made(account, days=1)
    for act in (
        lambda: add_party(pool, AGENCY, "new", "New", made(account), WHO),
        lambda: foresee_terms(pool, AGENCY, "old", later, WHO),
        lambda: agree_terms(pool, AGENCY, "old", later, WHO),
    ):
        if not refused:
            await act()
            continue
        with pytest.raises(BadInput) as caught:
            await act()
        assert caught.value.code == "bank_account"
        assert "main, second" in caught.value.hint
    parties = await point.fetch("SELECT 1 FROM agent UNION ALL SELECT 1 FROM processor")
    assert len(parties) == (1 if refused else 2)


async def test_before_the_first_account_terms_may_name_what_comes(
    pool: Pool, point: ServicePoint
) -> None:
    await add_party(pool, AGENCY, "new", "New", agent("main"), WHO)
    [(named,)] = await point.fetch("SELECT bank_account_id FROM agent_terms")
    assert named == "main"


async def test_terms_that_stand_are_no_mistake_when_they_are_said_again(
    pool: Pool, point: ServicePoint
) -> None:
    await add_party(pool, AGENCY, "old", "Old", agent("closed"), WHO)
    await add_account(
        point.connection, AGENCY,
        account="main", iban=IBANS["main"], name="main", doer=Doer("clerk"), now=NOW,
    )  # fmt: skip
    await add_party(pool, AGENCY, "old", "Old", agent("closed"), WHO)
    assert await agree_terms(pool, AGENCY, "old", agent("closed"), WHO) == 1
