"""The role that posts: it may add to the ledger, and cannot change or remove what is there."""

from __future__ import annotations

from typing import Final

from sapar.core.db import connect, load_queries, with_role

ROLE: Final = "sapar_ticketing"

_QUERIES = load_queries("sapar.ticketing.ledger")


def restricted(conninfo: str) -> str:
    """Give the same database for sessions of the ledger's role.

    Where the role does not exist, because the migrating user could not make it, `conninfo` itself:
    the triggers refuse changes to whoever asks.
    """
    with connect(conninfo) as connection:
        row = connection.execute(_QUERIES["may_take_role"], {"role": ROLE}).fetchone()
    return with_role(conninfo, ROLE) if row is not None and row[0] else conninfo
