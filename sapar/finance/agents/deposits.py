"""Deposits that a prepaid agent says it has sent, before the bank shows them."""

from __future__ import annotations

from datetime import date

from sapar.access.audit import record
from sapar.core.db import Pool, load_queries
from sapar.core.errors import BadInput, Refused
from sapar.finance.agents.model import AGENT_DEPOSIT, AgentTerms
from sapar.finance.agents.parties import Who, changing, fare_day, get_stored, list_terms, zone_of
from sapar.finance.agents.terms import due_on, terms_on
from sapar.finance.matching.items import NewItem, add_items
from sapar.ticketing.ledger.operations import check_amount

_QUERIES = load_queries("sapar.finance.agents")
_KEY_MAX = 200


async def expect_deposit(
    pool: Pool,
    agency_id: str,
    agent_id: str,
    amount_tiyn: int,
    who: Who,
    *,
    key: str,
    reference: str = "",
    on: date | None = None,
) -> int:
    """Expect a prepaid agent's deposit on a statement, and give the number of its item.

    It is the agent's to spend (2410) when a bank line was matched with it, not before.

    Args:
        pool: of connections.
        agency_id: whose agent.
        agent_id: which one.
        amount_tiyn: what it says it has sent.
        who: says so.
        key: the client's; the same again adds nothing.
        reference: what it wrote on the payment.
        on: the day on which it paid; None: today.

    Raises:
        BadInput: `key`.
        NotFound: there is no such agent.
        Refused: it is not prepaid (`agent_kind`), `amount_not_positive`, or the key came before
            with other content (`idempotency_conflict`).
    """
    if not 0 < len(key) <= _KEY_MAX or not key.isprintable() or not reference.isprintable():
        raise BadInput("a key is a text of 1 to 200 signs", code="key")
    check_amount(amount_tiyn)
    async with changing(pool, agency_id) as connection:
        await get_stored(connection, agency_id, "agent", agent_id)
        versions = (await list_terms(connection, agency_id, "agent", agent_id)).get(agent_id, [])
        source_key = f"agent:prepaid:{agent_id}:{key}"
        names = {"agency_id": agency_id, "source_key": source_key}
        known = await (await connection.execute(_QUERIES["find_item"], names)).fetchone()
        if known is not None:
            if known[1:] == (amount_tiyn, reference):
                item_no: int = known[0]
                return item_no
            raise Refused(
                f"the key {key} came before with other content", code="idempotency_conflict"
            )
        today = fare_day(await zone_of(connection, agency_id), who.now)
        day = today if on is None else on
        terms = terms_on([one.terms for one in versions], today)
        if not isinstance(terms, AgentTerms) or terms.kind != "prepaid":
            raise Refused(f"agent {agent_id} is not prepaid", code="agent_kind")
        item = _item(agency_id, agent_id, source_key, amount_tiyn, day, reference, terms)
        [added] = await add_items(connection, [item])
        await record(
            connection,
            at=who.now,
            person=who.actor,
            user_id=who.user_id,
            agency_id=agency_id,
            action="agent.deposit",
            target=f"agent {agent_id}",
            before=None,
            after={"item_no": added, "amount_tiyn": amount_tiyn, "reference": reference},
        )
        return added


def _item(
    agency_id: str,
    agent_id: str,
    source_key: str,
    amount_tiyn: int,
    day: date,
    reference: str,
    terms: AgentTerms,
) -> NewItem:
    return NewItem(
        agency_id=agency_id,
        kind="agent_deposit",
        source_key=source_key,
        code=AGENT_DEPOSIT,
        owner=agent_id,
        amount_tiyn=amount_tiyn,
        item_date=day,
        due_on=due_on(terms, day),
        reference=reference,
        counterparty_bin=terms.bin,
        counterparty_iban=terms.iban,
        residual_code=AGENT_DEPOSIT,
        residual_owner=agent_id,
    )
