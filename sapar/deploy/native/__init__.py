"""A private PostgreSQL with TimescaleDB and a private Mosquitto, without containers.

Comes in: a directory. Goes out: running services on loopback ports that end with the process that
started them. Used by `sapar demo` and by the tests.
"""

from sapar.deploy.native.mosquitto import MosquittoBroker
from sapar.deploy.native.places import (
    HeldPort,
    free_port,
    hold_directory,
    hold_port,
    state_directory,
)
from sapar.deploy.native.postgres import PostgresCluster, find_postgres_bin

__all__ = [
    "HeldPort",
    "MosquittoBroker",
    "PostgresCluster",
    "find_postgres_bin",
    "free_port",
    "hold_directory",
    "hold_port",
    "state_directory",
]
