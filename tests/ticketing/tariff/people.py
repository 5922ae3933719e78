"""Two people who put tariffs into force in tests that are about something else."""

from __future__ import annotations

from datetime import datetime

from sapar.core.db import AsyncConnection, Connection

PEOPLE = {"proposer": "accountant", "approver": "chief_accountant", "cashier": "cashier"}


def make_people(connection: Connection) -> None:
    """Make an accountant, a chief accountant and a cashier of all agencies."""
    for name, role in PEOPLE.items():
        connection.execute(
            "WITH p AS (INSERT INTO person (name, created_at) VALUES (%s, now())"
            " RETURNING user_id)"
            " INSERT INTO person_role (user_id, role) SELECT user_id, %s FROM p",
            (name, role),
        )


async def approve(
    connection: AsyncConnection, agency_id: str, version_no: int, moment: datetime
) -> None:
    """Propose a moment for a version and approve it; nothing where there is no such version.

    Whoever publishes it does so in the same transaction.
    """
    values = {"agency": agency_id, "version": version_no, "moment": moment}
    cursor = await connection.execute(
        "INSERT INTO tariff_proposal (agency_id, version_no, effective_from, proposed_at,"
        " proposed_by, proposed_by_no)"
        " SELECT v.agency_id, v.version_no, %(moment)s, now(), p.name, p.user_id"
        " FROM tariff_version v, person p WHERE p.name = 'proposer'"
        " AND (v.agency_id, v.version_no) = (%(agency)s, %(version)s) RETURNING proposal_no",
        values,
    )
    row = await cursor.fetchone()
    await connection.execute(
        "UPDATE tariff_proposal SET decision = 'approved', decided_at = now(),"
        " decided_by = p.name, decided_by_no = p.user_id"
        " FROM person p WHERE p.name = 'approver' AND proposal_no = %s",
        (None if row is None else row[0],),
    )
