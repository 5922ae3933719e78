"""A day of taps with their journals, written at once: what the benchmark of the close reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from sapar.cli.bench.ledger_town import AGENCY, PURSE_TIYN
from sapar.core.db import Connection

PEOPLE: Final[Mapping[str, str]] = {"prepared": "preparer", "approved": "approver"}
"""Who signs what."""
_ROLES: Final[Mapping[str, str]] = {"preparer": "accountant", "approver": "chief_accountant"}

_RIDES_A_CARD = 2.2  # of those that ride at all
_NOMINAL_TIYN = 8_000
_TOP_UPS = 20_000
_TOP_UP_TIYN = 100_000
_AGENTS = 8

_ACCOUNTS = """
    INSERT INTO account (account_no, agency_id, code, owner)
    SELECT CASE WHEN code >= 9000 THEN nextval('boarding_account_number')
                ELSE nextval('account_number') END, %(agency)s, code, owner
    FROM (SELECT 2210 AS code, carrier_id AS owner FROM carrier UNION ALL
          SELECT 9110, carrier_id FROM carrier UNION ALL
          VALUES (1220, 'akimat'), (1220, 'republic'), (9210, 'ride') UNION ALL
          SELECT 1110, 'agent-' || n FROM generate_series(1, %(agents)s) n) a
"""
# what a ride of each category costs the card, and who pays the rest
_FARES = """
    CREATE TEMP TABLE fare AS
    SELECT * FROM (VALUES ('adult', 8000, NULL), ('student', 4000, 'akimat'),
                          ('pupil', 4000, 'akimat'), ('pensioner', 0, 'republic'),
                          ('disability', 0, 'republic')) f (category, charged, funder)
"""
_BUSES = """
    CREATE TEMP TABLE bus AS
    SELECT row_number() OVER (ORDER BY d.device_no) - 1 AS bus, d.device_no, d.device_id,
           c.carrier_no, c.carrier_id, clearing.account_no AS clearing,
           performed.account_no AS performed
    FROM device d
    JOIN carrier_service s ON s.vehicle_id = d.device_id
    JOIN carrier c USING (carrier_no)
    JOIN account clearing ON clearing.code = 2210 AND clearing.owner = c.carrier_id
    JOIN account performed ON performed.code = 9110 AND performed.owner = c.carrier_id
"""
# the rides of a bus and of a card follow one another in time; counters and purses go on
_TAPS = """
    INSERT INTO tap (tap_no, device_no, epoch, seq, digest, device_time, card_no, counter, payload,
                     vehicle_id, route_id, trip_id, medium, num_riders, allowed, denylist_version,
                     claimed_tiyn, balance_tiyn, synchronized, boot_no, uptime_ms, previous_digest,
                     received_at, sealed, status, event_at, service_date, carrier_no, product_id,
                     rider_category, tariff_version, nominal_tiyn, charged_tiyn, adjustments, rule,
                     revision)
    SELECT nextval('tap_number'), b.device_no, 1, n / %(buses)s + 1, decode(md5(n::text), 'hex'),
           at, c.card_no, n / %(riders)s + 1, convert_to(repeat('x', 220), 'UTF8'), b.device_id,
           'route-' || b.bus %% 78, 'trip-' || b.bus,
           (ARRAY['card', 'card', 'card', 'qr'])[1 + n %% 4], 1, true, 1, f.charged,
           %(purse)s - f.charged * (n / %(riders)s + 1), true, 1,
           60000 + n, CASE WHEN n >= %(buses)s THEN decode(md5((n - %(buses)s)::text), 'hex') END,
           at + interval '20 s', NULL, 'posted', at, %(day)s, b.carrier_no, 'ride', c.category, 1,
           %(nominal)s, f.charged,
           CASE WHEN f.funder IS NULL THEN '[]' ELSE
               format('[["concession","%%s",%%s]]', f.funder, %(nominal)s - f.charged) END,
           'leg local ' || c.category, 1
    FROM generate_series(%(first)s::int, %(last)s::int) n
    JOIN bus b ON b.bus = n %% %(buses)s
    JOIN card c ON c.card_no = 1 + (n::bigint * 7919) %% %(riders)s
    JOIN fare f USING (category)
    CROSS JOIN LATERAL (
        SELECT %(begin)s::timestamptz + n::bigint * %(step_us)s * interval '1 us') t (at)
    ORDER BY n
"""
_JOURNALS = """
    INSERT INTO journal (journal_no, agency_id, kind, tap_no, revision, card_no, service_date,
                         business_date, event_at, event_at_raw, received_at, product_id,
                         rider_category, tariff_version, rule, actor, accounts, amounts)
    SELECT nextval('journal_number'), %(agency)s, 'tap', t.tap_no, 1, t.card_no, t.service_date,
           t.service_date, t.event_at, t.device_time, t.received_at, t.product_id,
           t.rider_category, 1, t.rule, 'sapar',
           CASE WHEN t.charged_tiyn = 0 THEN ARRAY[g.account_no]
                WHEN g.account_no IS NULL THEN ARRAY[t.card_no * 8]
                ELSE ARRAY[t.card_no * 8, g.account_no] END
               || ARRAY[b.clearing, b.performed, p.account_no],
           CASE WHEN t.charged_tiyn = 0 OR g.account_no IS NULL
                THEN ARRAY[t.nominal_tiyn, -t.nominal_tiyn, 1, -1]
                ELSE ARRAY[t.charged_tiyn, t.nominal_tiyn - t.charged_tiyn, -t.nominal_tiyn, 1, -1]
                END
    FROM tap t
    JOIN bus b USING (device_no)
    JOIN fare f ON f.category = t.rider_category
    JOIN account p ON p.code = 9210
    LEFT JOIN account g ON g.code = 1220 AND g.owner = f.funder
    WHERE t.tap_no > %(after)s
    ORDER BY t.tap_no
"""
_TOP_UP_JOURNALS = """
    INSERT INTO journal (journal_no, agency_id, kind, source_key, content_hash, card_no,
                         service_date, business_date, event_at, event_at_raw, received_at, rule,
                         actor, accounts, amounts)
    SELECT nextval('journal_number'), %(agency)s, 'top_up', 'bench top-up ' || n, '\\x00', n,
           %(day)s, %(day)s, %(begin)s, %(begin)s, %(begin)s, 'top-up', 'bench',
           ARRAY[a.account_no, n * 8], ARRAY[%(amount)s, -%(amount)s]::bigint[]
    FROM generate_series(1, %(top_ups)s) n
    JOIN account a ON a.code = 1110 AND a.owner = 'agent-' || 1 + n %% %(agents)s
"""
_BALANCES = """
    WITH moved AS (
        SELECT e.account_no, sum(e.amount)::bigint AS amount
        FROM journal j CROSS JOIN LATERAL unnest(j.accounts, j.amounts) e (account_no, amount)
        WHERE j.kind IN ('tap', 'top_up') GROUP BY 1
    ), accounts AS (
        UPDATE account a SET balance = a.balance + m.amount FROM moved m
        WHERE m.account_no = a.account_no
    )
    UPDATE card c SET purse_tiyn = c.purse_tiyn - m.amount FROM moved m
    WHERE m.account_no = c.card_no * 8
"""
_SEQUENCES = """
    INSERT INTO tap_sequence (device_no, epoch, first_seq, last_seq, received)
    SELECT device_no, 1, min(seq), max(seq), count(*) FROM tap GROUP BY device_no
"""


def make_day(connection: Connection, day: date, cards: int, taps: int) -> None:
    """Write the taps and journals of a day into a town of the ledger's benchmark.

    Args:
        connection: in autocommit.
        day: the business date.
        cards: how many the town has.
        taps: how many; from five in the morning till eleven at night.
    """
    names = {
        "agency": AGENCY,
        "day": day,
        "begin": f"{day} 00:00:00Z",  # five in the morning there
        "step_us": 18 * 3600 * 1_000_000 // taps,
        "riders": max(1, min(cards, round(taps / _RIDES_A_CARD))),
        "purse": PURSE_TIYN,
        "nominal": _NOMINAL_TIYN,
        "agents": _AGENTS,
        "top_ups": min(_TOP_UPS, cards),
        "amount": _TOP_UP_TIYN,
        "after": 0,
    }
    connection.execute(_ACCOUNTS, names)
    connection.execute(_FARES)
    connection.execute(_BUSES)
    row = connection.execute("SELECT count(*) FROM bus").fetchone()
    assert row is not None
    names["buses"] = row[0]
    connection.execute(_TAPS, {**names, "first": 0, "last": taps - 1})
    connection.execute("ANALYZE tap")
    connection.execute(_JOURNALS, names)
    connection.execute(_TOP_UP_JOURNALS, names)
    connection.execute(_BALANCES)
    connection.execute(_SEQUENCES)
    for name, role in _ROLES.items():
        connection.execute(
            "WITH p AS (INSERT INTO person (name, created_at) VALUES (%s, now())"
            " RETURNING user_id) INSERT INTO person_role (user_id, role) SELECT user_id, %s FROM p",
            (name, role),
        )
    # as it is in the morning after: what autovacuum has done by then
    connection.execute("VACUUM (ANALYZE) tap, journal, card")
    connection.execute("CHECKPOINT")
