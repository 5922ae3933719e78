"""Closing a day in tests that are about something else: signed by two people, with empty evidence.

The database accepts nothing less; what the stages look at is tested in tests/finance/closing.
"""

from __future__ import annotations

from datetime import date

from sapar.core.db import Connection

STAGES = ("taps", "gaps", "shifts", "agents", "bank", "balances")

_PEOPLE = """
    WITH p AS (
        INSERT INTO person (name, created_at) VALUES ('preparer', now()), ('approver', now())
        ON CONFLICT DO NOTHING RETURNING user_id, name
    )
    INSERT INTO person_role (user_id, role)
    SELECT user_id, CASE name WHEN 'preparer' THEN 'accountant' ELSE 'chief_accountant' END FROM p
"""
_STAGES = """
    INSERT INTO day_stage (agency_id, business_date, revision, stage, passed, findings, exceptions,
                           evidence, digest, last_journal_no, ran_at, ran_by)
    SELECT %(agency)s, %(day)s, 1, stage, true, 0, '{}', '{}', sha256('{}'),
           (SELECT coalesce(max(journal_no), 0) FROM journal), now(), 'test'
    FROM unnest(%(stages)s::text[]) AS s (stage)
"""
_TOTALS = """
    INSERT INTO day_totals (agency_id, business_date, revision, body, digest, journals,
                            last_journal_no, balances, made_at)
    SELECT %(agency)s, %(day)s, 1, '{}', sha256('{}'),
           count(*) FILTER (WHERE agency_id = %(agency)s AND business_date = %(day)s),
           coalesce(max(journal_no), 0), '{}', now()
    FROM journal
"""
_SIGN = """
    INSERT INTO day_signature (agency_id, business_date, revision, act, user_id, digest, signed_at)
    SELECT %(agency)s, %(day)s, 1, %(act)s, user_id, day_digest(%(agency)s, %(day)s, 1), now()
    FROM person WHERE name = %(name)s
"""


def sign_day(connection: Connection, agency_id: str, day: date) -> None:
    """Make stages and totals of a day as it is, and sign them by two people."""
    values = {"agency": agency_id, "day": day, "stages": list(STAGES)}
    connection.execute(_PEOPLE)
    connection.execute(_STAGES, values)
    connection.execute(_TOTALS, values)
    for act, name in (("prepared", "preparer"), ("approved", "approver")):
        connection.execute(_SIGN, {**values, "act": act, "name": name})


def close_day(connection: Connection, agency_id: str, day: date) -> None:
    """Sign and close a day; nobody posts meanwhile."""
    connection.execute("SELECT pg_advisory_xact_lock(1935765857, hashtext(%s))", (agency_id,))
    sign_day(connection, agency_id, day)
    connection.execute(
        "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
        " VALUES (%s, %s, clock_timestamp(), 'finance')",
        (agency_id, day),
    )
