"""What the database says, held against the oracle, and what must hold of any ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from sapar.core.db import connect, connect_async
from sapar.ticketing.ledger.export import export_ledger
from tests.ticketing.facts import CAP_TIYN, MONTH_CAP_TIYN, Account, TapFact, Verdict
from tests.ticketing.oracle import Model
from tests.ticketing.world import AGENCY, World


class Seen(NamedTuple):
    """What the database says, in the oracle's words."""

    verdicts: dict[tuple[str, int, int, bytes], Verdict]
    postings: dict[tuple[str, int, int, bytes], dict[Account, int]]
    cards: dict[str, dict[int, int]]
    balances: dict[Account, int]
    gaps: dict[tuple[str, int], set[int]]
    exceptions: dict[tuple[str, str, int, int, bytes], int]


_OWNED = """
    SELECT {what}, coalesce(a.code, (ARRAY[2110, 1210, 2120, 2130])[1 + e.account_no % 8]) AS code,
           coalesce(a.owner, c.card_ref) AS owner, sum(e.amount)::bigint
    FROM entry e LEFT JOIN account a USING (account_no)
    LEFT JOIN card c ON c.card_no = e.account_no / 8 AND e.account_no > 0
    {more} GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0
"""


def see(conninfo: str) -> Seen:
    """Read everything back, by queries of our own."""
    with connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT tap_no, d.device_id, epoch, seq, digest, t.status, code, nominal_tiyn,"
            " charged_tiyn, adjustments, num_riders, rider_category"
            " FROM tap t JOIN device d USING (device_no)"
        ).fetchall()
        keys = {row[0]: (row[1], row[2], row[3], bytes(row[4])) for row in rows}
        verdicts = {keys[row[0]]: _verdict(*row[5:]) for row in rows}
        assert len(verdicts) == len(rows)
        postings: dict[tuple[str, int, int, bytes], dict[Account, int]] = defaultdict(dict)
        for tap_no, code, owner, amount in connection.execute(
            _OWNED.format(what="e.tap_no", more="WHERE e.tap_no IS NOT NULL")
        ):
            postings[keys[tap_no]][code, owner] = amount
        cards = {
            ref: {2110: purse, 1210: debt, 2120: deposit, 2130: pending}
            for ref, purse, debt, deposit, pending in connection.execute(
                "SELECT card_ref, purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn FROM card"
                " WHERE status <> 'unknown'"
            )
        }
        balances = {
            (code, owner): balance
            for code, owner, balance in connection.execute(
                "SELECT code, owner, balance FROM account WHERE balance <> 0"
            )
        }
        gaps: dict[tuple[str, int], set[int]] = defaultdict(set)
        for device, epoch, low, high in connection.execute(
            "SELECT device_id, epoch, from_seq, to_seq FROM tap_gap JOIN device USING (device_no)"
        ):
            numbers = set(range(low, high + 1))
            assert not numbers & gaps[device, epoch], "gaps overlap"
            gaps[device, epoch] |= numbers
        exceptions: dict[tuple[str, str, int, int, bytes], int] = defaultdict(int)
        for kind, tap_no in connection.execute(
            "SELECT kind, tap_no FROM ticketing_exception WHERE closed_at IS NULL"
            " AND tap_no IS NOT NULL"
        ):
            exceptions[kind, *keys[tap_no]] += 1
    return Seen(verdicts, dict(postings), cards, balances, dict(gaps), dict(exceptions))


def _verdict(
    status: str, code: str | None, nominal: int, charged: int, parts: str, riders: int,
    category: str | None,
) -> Verdict:  # fmt: skip
    listed = tuple(sorted((k, f, a) for k, f, a in msgspec.json.decode(parts)))
    return Verdict(
        status, code, nominal, charged, listed, riders if status == "posted" else 0, category
    )


def key_of(fact: TapFact) -> tuple[str, int, int, bytes]:
    return (*fact.identity, fact.digest)


def compare(world: World) -> Seen:
    """Hold everything in the database against the oracle."""
    seen, model = see(world.conninfo), world.model
    verdicts = {
        key_of(fact): verdict._replace(parts=tuple(sorted(verdict.parts)))
        for fact, verdict in model.verdicts().items()
    }
    agree("verdicts", seen.verdicts, verdicts)
    postings = {key_of(fact): moved for fact, moved in model.all_postings().items() if moved}
    agree("postings", seen.postings, postings)
    agree("cards", seen.cards, model.card_balances())
    agree("gaps", seen.gaps, model.gaps())
    exceptions = {(code, *key_of(fact)): 1 for code, fact in model.exceptions()}
    agree("exceptions", seen.exceptions, exceptions)
    agree("balances", seen.balances, model.balances())
    return seen


def agree(what: str, seen: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Fail with the first few differences."""
    wrong = [
        f"{key}: {seen.get(key)} and not {expected.get(key)}"
        for key in [*expected, *(seen.keys() - expected.keys())]
        if seen.get(key) != expected.get(key)
    ]
    assert not wrong, f"{len(wrong)} {what}: " + "; ".join(wrong[:4])


def check_invariants(conninfo: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
    """Check what must hold of any ledger, by queries of our own: each gives what breaks it."""
    with connect(conninfo) as connection:
        for name, sql in (INVARIANTS | dict(more)).items():
            rows = connection.execute(sql).fetchall()
            assert rows == [], f"{name}: {rows[:3]}"


INVARIANTS = {
    "every journal sums to zero per asset": """
        SELECT journal_no, asset, sum(amount) FROM entry GROUP BY 1, 2 HAVING sum(amount) <> 0""",
    "an account's balance is the sum of its entries": """
        SELECT account_no, balance, coalesce(sum, 0) FROM account LEFT JOIN (
            SELECT account_no, sum(amount) FROM entry WHERE account_no < 0 GROUP BY 1
        ) s USING (account_no) WHERE balance <> coalesce(sum, 0)""",
    "a card's balances are the sums of their entries": """
        SELECT card_no, purse_tiyn, debt_tiyn, s.* FROM card LEFT JOIN (
            SELECT account_no / 8 AS card_no,
                   sum(-amount) FILTER (WHERE account_no % 8 = 0) AS purse,
                   sum(amount) FILTER (WHERE account_no % 8 = 1) AS debt,
                   sum(-amount) FILTER (WHERE account_no % 8 = 2) AS deposit,
                   sum(-amount) FILTER (WHERE account_no % 8 = 3) AS pending
            FROM entry WHERE account_no > 0 GROUP BY 1
        ) s USING (card_no)
        WHERE (purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn) <>
            (coalesce(purse, 0), coalesce(debt, 0), coalesce(deposit, 0), coalesce(pending, 0))""",
    "purse and debt are not negative and never both positive": """
        SELECT card_no FROM card
        WHERE least(purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn) < 0
           OR purse_tiyn > 0 AND debt_tiyn > 0""",
    "nominal is charged and adjustments, with one cap at most": """
        SELECT tap_no FROM tap WHERE nominal_tiyn <> charged_tiyn + (
            SELECT coalesce(sum((a ->> 2)::bigint), 0) FROM jsonb_array_elements(adjustments::jsonb) a
        ) OR (SELECT count(*) FROM jsonb_array_elements(adjustments::jsonb) a
              WHERE a ->> 0 = 'cap') > 1""",
    "received, missing and voided make the span": """
        SELECT device_no, epoch FROM tap_sequence s LEFT JOIN (
            SELECT device_no, epoch, sum(to_seq - from_seq + 1) AS missing FROM tap_gap GROUP BY 1, 2
        ) g USING (device_no, epoch)
        WHERE first_seq IS NOT NULL
          AND received + coalesce(missing, 0) + voided <> last_seq - first_seq + 1""",
    "no gap holds a received number": """
        SELECT t.tap_no FROM tap t JOIN tap_gap g USING (device_no, epoch)
        WHERE t.seq BETWEEN g.from_seq AND g.to_seq AND t.sealed IS NULL""",
    "a ride has a journal, anything else posts nothing": """
        SELECT t.tap_no, t.status FROM tap t LEFT JOIN (
            SELECT e.tap_no, sum(e.amount) AS net FROM entry e LEFT JOIN account a USING (account_no)
            WHERE e.tap_no IS NOT NULL
            GROUP BY 1, CASE WHEN a.code IN (2210, 2220) THEN 'clearing ' || a.owner
                ELSE e.account_no::text END
            HAVING sum(e.amount) <> 0  -- what is late takes back what was in time
        ) e USING (tap_no)
        GROUP BY 1, 2 HAVING (t.status = 'posted') <> (count(e.net) > 0)""",
    "a held tap has one open exception, or a person closed it": """
        SELECT t.tap_no FROM tap t LEFT JOIN ticketing_exception e
            ON e.tap_no = t.tap_no AND e.kind = t.code
            AND (e.closed_at IS NULL OR e.closed_by <> 'sapar')
        WHERE t.status = 'held' AND t.code <> 'rejected'
        GROUP BY 1 HAVING count(e.exception_no) = 0
            OR count(e.exception_no) FILTER (WHERE e.closed_at IS NULL) > 1""",
    "accepted riders are the boardings performed": """
        SELECT n, b FROM
            (SELECT coalesce(sum(num_riders), 0) AS n FROM tap WHERE status = 'posted') t,
            (SELECT coalesce(sum(balance), 0) AS b FROM account WHERE code = 9110) a
        WHERE n <> b""",
    "no two counting taps share a card's counter": """
        SELECT card_no, counter FROM tap
        WHERE counter IS NOT NULL AND (status <> 'held' OR code IN ('double_debit', 'no_fare_rule'))
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "nothing is posted with a closed business date after it was closed": """
        SELECT journal_no FROM journal j JOIN business_day b USING (agency_id, business_date)
        WHERE j.posted_at > b.closed_at""",
    "nothing is booked before its day of service": """
        SELECT journal_no FROM journal WHERE business_date < service_date""",
    "each adjustment has a funder and an amount": """
        SELECT tap_no FROM tap, jsonb_array_elements(adjustments::jsonb) a
        WHERE a ->> 1 = '' OR (a ->> 2)::bigint <= 0""",
    "corrected times are not after the receipt": """
        SELECT tap_no FROM tap WHERE event_at > received_at""",
    "the current revision is the newest journal's": """
        SELECT t.tap_no, t.revision, max(j.revision) FROM tap t LEFT JOIN journal j USING (tap_no)
        GROUP BY 1, 2 HAVING t.revision <> coalesce(max(j.revision), 0)""",
}


OF_THE_TOWN = {
    "a budget owes what the rides say": """
        SELECT owner, owed, said FROM (
            SELECT owner, sum(balance) AS owed FROM account
            WHERE code = 1220 AND balance <> 0 GROUP BY 1
        ) a FULL JOIN (
            SELECT p ->> 1 AS owner, sum((p ->> 2)::bigint) AS said
            FROM tap, jsonb_array_elements(adjustments::jsonb) p
            WHERE status = 'posted' AND p ->> 0 IN ('concession', 'transfer', 'cap', 'free_day')
                AND p ->> 1 NOT IN ('scheme', 'carrier') GROUP BY 1
        ) t USING (owner) WHERE owed IS DISTINCT FROM said""",
    "nobody pays more in a day or a month than its cap, riding alone": f"""
        SELECT card_no, service_date FROM tap WHERE num_riders = 1
        GROUP BY 1, 2 HAVING sum(charged_tiyn) > {CAP_TIYN}
        UNION ALL
        SELECT card_no, date_trunc('month', service_date)::date FROM tap WHERE num_riders = 1
        GROUP BY 1, 2 HAVING sum(charged_tiyn) > {MONTH_CAP_TIYN}""",
    "what is booked later than its day of service is of a day that was closed": """
        SELECT journal_no FROM journal j
        WHERE business_date > service_date AND NOT EXISTS (
            SELECT FROM business_day b
            WHERE b.agency_id = j.agency_id AND b.business_date = j.service_date)""",
    "late clearing is moved by rides of closed days alone": """
        SELECT journal_no FROM entry e JOIN account a USING (account_no)
        WHERE a.code = 2220 AND e.tap_no IS NOT NULL AND NOT EXISTS (
            SELECT FROM business_day b
            WHERE b.agency_id = e.agency_id AND b.business_date = e.service_date)""",
    "no text holds a number that could be a bank card's": """
        SELECT text FROM (
            SELECT card_ref AS text FROM card UNION ALL SELECT rule FROM journal
            UNION ALL SELECT owner FROM account UNION ALL SELECT detail FROM ticketing_exception
            UNION ALL SELECT subject FROM ticketing_exception UNION ALL SELECT rule FROM tap
        ) t WHERE text ~ '(^|[^0-9])[0-9]{13,19}([^0-9]|$)'""",
}
"""What holds of the town of the machine: it has a tariff with both caps and settles nothing."""


def oracle_export(model: Model) -> bytes:
    """Write what the canonical export must be where nothing but taps moved money."""
    lines = []
    verdicts = model.verdicts()
    for fact in sorted(model.taps, key=key_of):
        verdict = verdicts[fact]
        moved = sorted(model.postings(fact, verdict).items())
        entries = "; ".join(f'{code} "{owner}" {amount}' for (code, owner), amount in moved)
        lines.append(
            f"tap\t{AGENCY}\t{fact.device}\t{fact.epoch}\t{fact.seq}\t{fact.digest.hex()}\t"
            f"{fact.card}\t{verdict.status}\t{verdict.code or ''}\t{entries}"
        )
    for ref, balances in sorted(model.card_balances().items()):
        if debt := balances[1210]:
            lines.append(f"other\t{AGENCY}\t{ref}\tdebt\t1210\t{ref}\t{debt}")
            lines.append(f"other\t{AGENCY}\t{ref}\tdebt\t2110\t{ref}\t{-debt}")
    return "".join(f"{line}\n" for line in lines).encode()


async def exported(conninfo: str) -> bytes:
    """Give the product's canonical export."""
    connection = await connect_async(conninfo)
    async with connection:
        return b"".join([piece async for piece in export_ledger(connection)])
