"""The one door to PostgreSQL: pools, named queries, migrations; its errors are translated here."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from time import monotonic
from typing import LiteralString, cast

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from sapar.core.errors import Fault, SaparError, Unavailable

AsyncConnection = psycopg.AsyncConnection
Connection = psycopg.Connection
Pool = AsyncConnectionPool
Rollback = psycopg.Rollback

_QUERY_NAME = re.compile(r"^-- name: (?P<name>[a-z0-9_]+)\s*$", re.MULTILINE)
_MIGRATION_NAME = re.compile(r"^(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql$")
_CROSSED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
)
_CHECK_S = 3.0
_RECENTLY_S = 10.0
_LASTING = {
    # The kernel gives a connection up on which nothing is acknowledged: not one whose statement
    # takes long, for a server that works acknowledges at once, and answers the probes.
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_MIGRATION_LOCK = 0x5A9A5  # one migrating process at a time, database-wide


class DatabaseRefused(SaparError):
    """The database understood a statement and refused its data."""

    default_code = "database_refused"


class _AllInUse(PoolTimeout):
    """No connection became free in time, while the database answered others."""


class _HearingPool(AsyncConnectionPool):
    """A pool that knows, when a wait was in vain, whether the database answered meanwhile.

    Each connection has to answer before it is handed out. If one did while the caller waited, and
    neither an answer nor a new connection has failed since, the database is there and what is
    short is connections. If none was handed out in all that time, or none for the last while,
    nobody knows: the database may be gone without a word, so it counts as silent.

    The driver's pool lets the answer take any time, beyond that of the caller. Here a connection
    that does not answer within seconds is given up, so a wait is longer than asked by those at
    the most.
    """

    def __init__(self, conninfo: str, *, min_size: int, max_size: int, name: str) -> None:
        self._heard_at = float("-inf")
        self._failed_then = 0
        super().__init__(
            conninfo,
            min_size=min_size,
            max_size=max_size,
            name=name,
            open=False,
            check=self._hear,
            kwargs=_lasting(conninfo) | {"application_name": name},
        )

    async def getconn(self, timeout: float | None = None) -> AsyncConnection:  # noqa: ASYNC109
        begun_at = monotonic()
        try:
            return await super().getconn(timeout)
        except PoolTimeout as exc:
            since = max(begun_at, monotonic() - _RECENTLY_S)
            if self._heard_at > since and self._failed() == self._failed_then:
                raise _AllInUse(str(exc)) from None
            raise

    async def _hear(self, connection: AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        giving_up = loop.call_later(_CHECK_S, _hang_up, connection)
        try:
            await self.check_connection(connection)
            if loop.time() >= giving_up.when():  # an answer, but to a talk that was ended
                await connection.close()
                raise psycopg.OperationalError("the answer came too late")
        except psycopg.Error:
            self._heard_at = float("-inf")
            raise
        finally:
            giving_up.cancel()
        self._heard_at, self._failed_then = monotonic(), self._failed()

    def _failed(self) -> int:
        return self.get_stats().get("connections_errors", 0)


def _lasting(conninfo: str) -> dict[str, int]:
    """Give what makes the kernel notice a peer that is gone, where `conninfo` does not say it."""
    said = conninfo_to_dict(conninfo)
    return {name: value for name, value in _LASTING.items() if name not in said}


def _hang_up(connection: AsyncConnection) -> None:
    """End a connection's talk, so that who waits for an answer reads its end, which is an error.

    To cancel the waiting would not do: the driver then asks the server to cancel the statement,
    and waits for its answer, twice five seconds.
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def load_queries(package: str) -> dict[str, LiteralString]:
    """Read `queries.sql` of `package` into name → SQL.

    Each query starts with a line `-- name: its_name`; comment lines below it describe it.

    Raises:
        Fault: a name stands twice or no query is named.
    """
    text = resources.files(package).joinpath("queries.sql").read_text(encoding="utf-8")
    parts = _QUERY_NAME.split(text)[1:]
    names, bodies = parts[0::2], parts[1::2]
    if not names or len(set(names)) != len(names):
        raise Fault(f"queries.sql of {package} has no names, or one name twice")
    pairs = zip(names, bodies, strict=True)
    return {name: cast("LiteralString", body.strip()) for name, body in pairs}


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours: no answer, too busy, refused data, a fault of our own."""
    try:
        yield
    except (psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex) as exc:
        # The driver files these under "try again", but the same data will be too much again.
        raise DatabaseRefused(str(exc).strip()) from exc
    except _CROSSED as exc:
        # The driver files these under "does not answer"; it did, and undid the transaction.
        raise Unavailable(
            f"others changed the same at that moment: {exc}".strip(),
            code="crossed",
            hint="What was begun has been undone: do it again.",
        ) from exc
    except _AllInUse as exc:
        raise Unavailable(
            f"all connections to the database are in use: {exc}".strip(),
            code="busy",
            hint="Ask again in a moment.",
        ) from exc
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise Unavailable(
            f"the database does not answer: {exc}".strip(), code="database_unavailable"
        ) from exc
    except (psycopg.DataError, psycopg.IntegrityError) as exc:
        raise DatabaseRefused(str(exc).strip()) from exc
    except psycopg.Error as exc:
        raise Fault(f"statement failed: {exc}".strip(), code="database_fault") from exc


def int_array(values: Iterable[int | None]) -> str:
    """Write integers as the text of an array, for a parameter that the statement casts.

    It costs a tenth of what the driver's own conversion of a list does.
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def text_array(values: Iterable[str]) -> str:
    """Write printable texts as the text of an array, for a parameter that the statement casts.

    JSON escapes in such texts what an array's text escapes, quotes and backslashes, and likewise.
    """
    return "{" + msgspec.json.encode(list(values)).decode()[1:-1] + "}"


def json_value(value: object) -> Jsonb:
    """Wrap plain data for a jsonb column."""
    return Jsonb(value)


@asynccontextmanager
async def open_pool(
    conninfo: str, *, min_size: int = 1, max_size: int = 4, name: str = "sapar"
) -> AsyncIterator[Pool]:
    """Open a pool of connections to `conninfo` (a libpq URL) and close it at the end.

    The pool waits for a database that is still starting; a call then fails with `Unavailable`
    after 30 s (`database_unavailable`), as it does when all connections are in use (`busy`). It
    adds the 3 s at most that a connection has for its answer before it is handed out. What a
    statement that was begun waits for is not bounded here, unless the peer's kernel is silent too.
    """
    pool = _HearingPool(conninfo, min_size=min_size, max_size=max_size, name=name)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@contextmanager
def connect(conninfo: str, *, autocommit: bool = False) -> Iterator[Connection]:
    """Open one blocking connection, for commands; commits at the end, rolls back on an error."""
    with translated(), psycopg.connect(conninfo, autocommit=autocommit) as connection:
        yield connection


async def connect_async(conninfo: str, *, autocommit: bool = True) -> AsyncConnection:
    """Open one connection of its own, for LISTEN and for locks that last as long as it does."""
    with translated():
        return await psycopg.AsyncConnection.connect(conninfo, autocommit=autocommit)


def with_role(conninfo: str, role: str) -> str:
    """Give the same database for sessions that take a role when they begin (`SET ROLE`)."""
    options = str(conninfo_to_dict(conninfo).get("options") or "")
    return make_conninfo(conninfo, options=f"{options} -c role={role}".strip())


def is_idle(connection: AsyncConnection) -> bool:
    """Whether a connection is in no transaction."""
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of `core/migrations`."""

    number: int
    name: str
    sql: LiteralString

    @property
    def digest(self) -> str:
        """SHA-256 of the text, so that an applied file that was edited is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def list_migrations() -> list[Migration]:
    """Give all migrations in order.

    Raises:
        Fault: a file's name does not have the form `0001_name.sql`, or a number is missing.
    """
    folder = resources.files("sapar.core").joinpath("migrations")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _MIGRATION_NAME.match(entry.name)
        if match is None:
            raise Fault(f"migration {entry.name} is not named NNNN_name.sql")
        found.append(Migration(int(match["number"]), match["name"], entry.read_text("utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise Fault("migrations are not numbered 1, 2, 3 … without a hole")
    return found


def migrate(conninfo: str) -> list[str]:
    """Bring the database to the newest schema; give the names of the migrations applied.

    Each file runs in a transaction of its own, one process at a time. An applied file that was
    edited afterwards is refused: write a new one.
    """
    applied: list[str] = []
    with connect(conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_MIGRATION_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number int PRIMARY KEY, name text NOT"
            " NULL, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = dict(connection.execute("SELECT number, digest FROM schema_migration").fetchall())
        for migration in list_migrations():
            if migration.number in done:
                if done[migration.number] != migration.digest:
                    raise Fault(f"migration {migration.number:04} was edited after it was applied")
                continue
            with connection.transaction():
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO schema_migration (number, name, digest) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, migration.digest),
                )
            applied.append(f"{migration.number:04}_{migration.name}")
    return applied
