"""What other terms would change, found out by agreeing on them and taking that back."""

from __future__ import annotations

import msgspec

from sapar.core.db import Pool, load_queries
from sapar.finance.agents.model import RECEIVABLE, Terms, TermsVersion
from sapar.finance.agents.parties import (
    Who,
    agree_inside,
    changing,
    list_terms,
    party_of,
)
from sapar.finance.agents.terms import check_terms, terms_on

_QUERIES = load_queries("sapar.finance.agents")


class ForeseenTerms(msgspec.Struct, frozen=True):
    """What other terms would come to; nothing is kept of them.

    Attributes:
        before: what holds for their first day now; None: nothing was agreed for it.
        after: the terms.
        later: versions of later days: the terms hold until the first of these.
        owes_tiyn: what an agent owes now (1110).
        over_tiyn: how much of that is beyond the new limit: it sells nothing before it is paid.
        repeated: the same terms stand for that day already.
    """

    before: Terms | None
    after: Terms
    later: list[TermsVersion]
    owes_tiyn: int
    over_tiyn: int
    repeated: bool


async def foresee_terms(
    pool: Pool, agency_id: str, party_id: str, terms: Terms, who: Who
) -> ForeseenTerms:
    """Say what other terms would change, without agreeing on them.

    Raises:
        BadInput, NotFound: as `agree_terms`.
    """
    check_terms(terms)
    party = party_of(terms)
    async with changing(pool, agency_id) as connection:
        async with connection.transaction(force_rollback=True):
            number = await agree_inside(connection, agency_id, party_id, terms, who)
        history = (await list_terms(connection, agency_id, party, party_id))[party_id]
        names = {"agency_id": agency_id, "code": RECEIVABLE, "owner": party_id}
        row = await (await connection.execute(_QUERIES["balance_of"], names)).fetchone()
    owes = row[0] if row is not None and party == "agent" else 0
    limit = getattr(terms, "credit_limit_tiyn", None)
    return ForeseenTerms(
        before=terms_on((one.terms for one in history), terms.from_date),
        after=terms,
        later=[one for one in history if one.terms.from_date > terms.from_date],
        owes_tiyn=owes,
        over_tiyn=0 if limit is None else max(0, owes - limit),
        repeated=number <= len(history),
    )
