"""`sapar bench ledger`: taps, transfers and repeats a second into the ledger, with its checks."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain as chained
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sapar.cli.bench.ledger_plain import PLAIN_LEDGER
from sapar.cli.bench.ledger_town import FLEETS, Town, make_messages, make_town
from sapar.cli.bench.ledger_writers import Measured, Work, run_writers
from sapar.contract.seal import ed25519_holds, hmac_holds, public_key_of, sign
from sapar.core.clock import SystemClock
from sapar.core.db import connect, connect_async, migrate
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.deploy.native import PostgresCluster, free_port, hold_directory, state_directory
from sapar.ticketing.keys import ensure_master_key
from sapar.ticketing.ledger.chain import hash_new
from sapar.ticketing.ledger.export import check_ledger
from sapar.ticketing.ledger.verify import verify_database

_DATABASE = "sapar_bench"
_WRITERS = (1, 4)
_PLAIN_S = 5.0
_SEALS = 5000
_TABLES = ("tap", "tap_sequence", "tap_gap", "ticketing_exception", "journal")

Say = Callable[[str], None]
Sizes = dict[str, int]


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """What to measure: cards in the database, taps in all, transfers for each figure of them."""

    cards: int = 1_300_000
    taps: int = 200_000
    transfers: int = 200_000


@dataclass(slots=True)
class _Round:
    """Writers that began together."""

    measured: list[Measured]
    before: Sizes = field(default_factory=dict)
    after: Sizes = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        return max(m.end_s for m in self.measured) - min(m.begin_s for m in self.measured)

    @property
    def items(self) -> int:
        return sum(one.items for one in self.measured)

    @property
    def per_s(self) -> float:
        return self.items / self.duration_s

    @property
    def repeats_per_s(self) -> float:
        return sum(one.repeats for one in self.measured) / self.duration_s

    @property
    def batch_s(self) -> list[float]:
        return list(chained.from_iterable(one.batch_s for one in self.measured))


def bench_ledger(options: LedgerOptions, say: Say) -> dict[str, Any]:
    """Measure on a private cluster that waits for the disk at every commit; give the figures."""
    directory = state_directory(Path.cwd()) / "bench-ledger"
    with hold_directory(directory), fresh_database(directory) as settings:
        return _LedgerBench(options, settings, say).run()


@contextmanager
def fresh_database(directory: Path) -> Iterator[Settings]:
    """Start a private cluster with a fresh database; both are gone afterwards."""
    cluster = PostgresCluster(directory / "postgres", port=free_port(5432))
    cluster.start()
    try:
        with connect(cluster.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {_DATABASE}")
        conninfo = cluster.conninfo(_DATABASE)
        migrate(conninfo)
        yield Settings().model_copy(
            update={
                "database_url": SecretStr(conninfo),
                "data_dir": directory,
                "tap_master_key_file": directory / "tap-master.key",
                "log_level": "error",
                "log_json": False,
            }
        )
        with connect(cluster.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")
    finally:
        cluster.stop()


class _LedgerBench:
    def __init__(self, options: LedgerOptions, settings: Settings, say: Say) -> None:
        self._options = options
        self._settings = settings
        self._conninfo = settings.database_url.get_secret_value()
        self._say = say
        self._clock = SystemClock()

    def run(self) -> dict[str, Any]:
        options = self._options
        self._say(f"making {options.cards:,} cards")
        master = ensure_master_key(self._settings.tap_master_key_file)
        with connect(self._conninfo) as connection:
            town = make_town(connection, options.cards, master, self._clock.now())
            connection.execute("CHECKPOINT")
        rounds, sent = self._whole_path(town)
        repeats = self._repeats(sent)
        # before the transfers, which have no taps
        balanced = asyncio.run(self._check())
        transfers = self._transfers()
        plain = self._plain()
        balanced = balanced and asyncio.run(self._check())
        with connect(self._conninfo) as connection:
            row = connection.execute(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            ).fetchone()
        assert row is not None
        return {
            "cards": options.cards,
            "taps": sum(one.items for one in rounds.values()),
            **_headline(rounds),
            "taps_per_s_by_round": {name: round(one.per_s) for name, one in rounds.items()},
            **_seal_speeds(self._clock),
            "post_only_transfers_per_s": round(transfers["hot carrier, 1 writer"].per_s),
            "post_only_by_round": {name: round(one.per_s) for name, one in transfers.items()},
            "duplicate_rejections_per_s": round(
                statistics.mean(one.repeats_per_s for one in repeats.values())
            ),
            "duplicates_by_round": {
                name: round(one.repeats_per_s) for name, one in repeats.items()
            },
            "one_by_one_transfers_per_s": {name: round(one.per_s) for name, one in plain.items()},
            "chain_journals_per_s": round(self._chain_speed),
            "ledger_balanced": balanced,
            "deadlocks": row[0],
            "put_off": sum(writer.put_off for one in rounds.values() for writer in one.measured),
        }

    def _whole_path(self, town: Town) -> tuple[dict[str, _Round], list[list[Message]]]:
        """Post taps of both fleets, by one writer and by four."""
        share = self._options.taps // (len(FLEETS) * len(_WRITERS))
        rounds: dict[str, _Round] = {}
        sent: list[list[Message]] = []
        for fleet in FLEETS:
            for writers in _WRITERS:
                name = _name(fleet, writers)
                self._say(f"{share:,} taps: {name}")
                messages = make_messages(town, fleet, writers, share, len(sent))
                before = self._sizes()
                one = _Round(run_writers(self._tap_works(messages, writers)), before)
                one.after = self._sizes()
                rounds[name] = one
                sent.append(messages)
        return rounds, sent

    def _tap_works(self, messages: Sequence[Message], writers: int) -> list[Work]:
        return [
            Work("taps", self._settings, list(messages[number::writers]))
            for number in range(writers)
        ]

    def _repeats(self, sent: Sequence[list[Message]]) -> dict[str, _Round]:
        """Send everything once more, in other batches."""
        messages = list(chained.from_iterable(zip(*sent, strict=False)))
        rounds: dict[str, _Round] = {}
        for writers in _WRITERS:
            self._say(f"everything once more: {_writers(writers)}")
            rounds[_writers(writers)] = _Round(run_writers(self._tap_works(messages, writers)))
        return rounds

    def _transfers(self) -> dict[str, _Round]:
        rounds: dict[str, _Round] = {}
        skews = {"hot": ("carrier-1",), "zipf": tuple(f"carrier-{n}" for n in range(1, 21))}
        for skew, carriers in skews.items():
            for writers in _WRITERS:
                name = _name(skew, writers).replace("Zipf carriers", "20 carriers")
                self._say(f"transfers: {name}")
                works = [
                    Work(
                        "transfers", self._settings, count=self._options.transfers // writers,
                        cards=self._options.cards, carriers=carriers,
                        seed=1000 * len(rounds) + number,
                    )
                    for number in range(writers)
                ]  # fmt: skip
                rounds[name] = _Round(run_writers(works))
        return rounds

    def _plain(self) -> dict[str, _Round]:
        """Measure posting one by one in the same database."""
        with connect(self._conninfo) as connection:
            connection.execute(PLAIN_LEDGER)
            connection.execute(
                "INSERT INTO plain_account (id) SELECT generate_series(-20, %s)",
                (self._options.cards,),
            )
        rounds: dict[str, _Round] = {}
        for writers in _WRITERS:
            self._say(f"one by one: {_writers(writers)}")
            works = [
                Work(
                    "plain", self._settings, seconds=_PLAIN_S, cards=self._options.cards,
                    seed=number,
                )
                for number in range(writers)
            ]  # fmt: skip
            rounds[f"hot carrier, {_writers(writers)}"] = _Round(run_writers(works))
        return rounds

    async def _check(self) -> bool:
        """Check every balance and the chain; say what is wrong."""
        self._say("checking the ledger")
        connection = await connect_async(self._conninfo)
        async with connection:
            wrong = await check_ledger(connection)
            begin_s = self._clock.monotonic()
            block = await hash_new(connection)
            self._chain_speed = (block.journals if block else 0) / (
                self._clock.monotonic() - begin_s
            )
            findings = (await verify_database(connection)).findings
        for problem in (*wrong, *findings):
            self._say(f"WRONG: {problem}")
        return not wrong and not findings

    def _sizes(self) -> Sizes:
        with connect(self._conninfo) as connection:
            row = connection.execute(
                "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
                " (SELECT sum(pg_total_relation_size(t::regclass)) FROM unnest(%s::text[]) t)"
                "::bigint",
                (list(_TABLES),),
            ).fetchone()
        assert row is not None
        return {
            "wal": row[0],
            "tables": row[1],
            "cpu_us": database_cpu_us(self._settings.data_dir),
        }


def _headline(rounds: dict[str, _Round]) -> dict[str, Any]:
    """Give what all rounds of taps came to."""
    taps = sum(one.items for one in rounds.values())
    batches = sorted(chained.from_iterable(one.batch_s for one in rounds.values()))
    grown = {
        name: sum(one.after[name] - one.before[name] for one in rounds.values()) / taps
        for name in ("wal", "tables", "cpu_us")
    }
    return {
        "taps_per_s": round(taps / sum(one.duration_s for one in rounds.values())),
        "p50_batch_ms": round(1000 * batches[len(batches) // 2], 1),
        "p99_batch_ms": round(1000 * batches[min(len(batches) - 1, len(batches) * 99 // 100)], 1),
        "writer_cpu_us_per_tap": round(
            1e6 * sum(writer.cpu_s for one in rounds.values() for writer in one.measured) / taps
        ),
        "database_cpu_us_per_tap": round(grown["cpu_us"]),
        "wal_bytes_per_tap": round(grown["wal"]),
        "table_bytes_per_tap": round(grown["tables"]),
    }


def database_cpu_us(directory: Path) -> int:
    """Give the processor time that the cluster has used: its processes', and those' that ended."""
    recorded = (directory / "postgres" / "data" / "postmaster.pid").read_text(encoding="utf-8")
    postmaster = recorded.split("\n", 1)[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii")
    ticks = 0
    for pid in (postmaster, *children.split()):
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except FileNotFoundError:  # it ended meanwhile
            continue
        # user and system time; and, of the postmaster, that of processes it has waited for
        ticks += sum(map(int, text.rsplit(")", 1)[1].split()[11 : 15 if pid == postmaster else 13]))
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def _seal_speeds(clock: SystemClock) -> dict[str, int]:
    """Say what one core proves of each kind."""
    from nacl.signing import VerifyKey

    key, text = secrets.token_bytes(32), b"x" * 200
    texts = [text + hashlib.sha256(bytes([n % 256])).digest() for n in range(_SEALS)]
    public = VerifyKey(public_key_of(key))
    strong = [sign(one, "ed25519", key) for one in texts[:500]]
    weak = [sign(one, "hmac-sha256", key) for one in texts]
    begin_s = clock.monotonic()
    assert all(ed25519_holds(t, s, public) for t, s in zip(texts, strong, strict=False))
    middle_s = clock.monotonic()
    assert all(hmac_holds(t, s, key) for t, s in zip(texts, weak, strict=True))
    return {
        "ed25519_per_s": round(len(strong) / (middle_s - begin_s)),
        "hmac_per_s": round(_SEALS / (clock.monotonic() - middle_s)),
    }


def _name(skew: str, writers: int) -> str:
    return f"{'hot carrier' if skew == 'hot' else 'Zipf carriers'}, {_writers(writers)}"


def _writers(count: int) -> str:
    return "1 writer" if count == 1 else f"{count} writers"
