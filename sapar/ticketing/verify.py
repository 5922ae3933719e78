"""Are the seals good? Keys first, by the tap's own time, then the arithmetic, in whole batches."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from nacl.signing import VerifyKey
from prometheus_client import Counter

from sapar.contract.messages import ShiftReport, Tap, TapVoid
from sapar.contract.seal import decode_seal, ed25519_holds, hmac_holds
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.keys import DeviceKey, KeyRing

Identity = tuple[int, int, int, bytes]
"""Device number, epoch, sequence number, digest: one record, byte for byte."""

_INLINE_MAX = 16  # so few are checked sooner than a thread wakes


class Candidate(NamedTuple):
    """A tap that passed the checks of its content.

    Attributes:
        device: who sent it, by the topic that the broker let it write to.
        tap: the decoded record.
        canonical: the bytes that its seal must be made over.
        digest: of these bytes and the seal.
        payload: the record's bytes as received.
        received_ms: when, Unix milliseconds.
    """

    device: DeviceEntry
    tap: Tap
    canonical: bytes
    digest: bytes
    payload: bytes
    received_ms: int

    @property
    def identity(self) -> Identity:
        """Give what names this very record."""
        return (self.device.device_no, self.tap.epoch, self.tap.seq, self.digest)


class _Job(NamedTuple):
    place: int
    canonical: bytes
    seal: bytes
    key: VerifyKey


class Verifier:
    """Judges seals; a batch's Ed25519 arithmetic is spread over threads.

    libsodium frees the interpreter's lock: two threads on two cores prove 1.6 times as many.

    Args:
        threads: how many.
        verdicts: counts, by verdict.
    """

    def __init__(self, threads: int, verdicts: Counter) -> None:
        self._threads = threads
        self._verdicts = verdicts
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="seal")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True)

    async def judge(
        self,
        candidates: Sequence[Candidate],
        ring: KeyRing,
        known: Collection[Identity] = frozenset(),
    ) -> list[str | None]:
        """Say for each candidate why its seal does not count, or None when it is good.

        Args:
            candidates: what to judge.
            ring: the keys.
            known: records that are stored already; they are repeats and are not judged again.
        """
        verdicts: list[str | None] = [None] * len(candidates)
        jobs: list[_Job] = []
        repeats = 0
        for place, candidate in enumerate(candidates):
            if known and candidate.identity in known:
                repeats += 1
                continue
            judged = judge_but_ed25519(candidate, ring)
            if isinstance(judged, tuple):
                jobs.append(_Job(place, candidate.canonical, *judged))
            else:
                verdicts[place] = judged
        for job, good in zip(jobs, await self._prove(jobs), strict=True):
            verdicts[job.place] = None if good else "bad_signature"
        tally = Tally(verdict or "good" for verdict in verdicts)
        tally["good"] -= repeats
        tally["known"] = repeats
        for verdict, count in tally.items():
            if count:
                self._verdicts.labels(verdict).inc(count)
        return verdicts

    async def _prove(self, jobs: Sequence[_Job]) -> list[bool]:
        if len(jobs) <= _INLINE_MAX:
            return _prove_part(jobs)
        loop = asyncio.get_running_loop()
        size = -(-len(jobs) // self._threads)
        parts = [jobs[at : at + size] for at in range(0, len(jobs), size)]
        answers = await asyncio.gather(
            *(loop.run_in_executor(self._pool, _prove_part, part) for part in parts)
        )
        return [good for answer in answers for good in answer]


def judge_but_ed25519(candidate: Candidate, ring: KeyRing) -> str | tuple[bytes, VerifyKey] | None:
    """Judge all that is quick; give seal and key where Ed25519 has the last word.

    Returns:
        Why the seal does not count, None for a good one, or what is left to prove.
    """
    tap = candidate.tap
    key = ring.find_key(candidate.device.device_no, tap, tap.time_ms)
    return key if isinstance(key, str) else _try_key(key, candidate.canonical, tap.signature or "")


def judge_seal(
    ring: KeyRing,
    device_no: int,
    sealed: Tap | TapVoid | ShiftReport,
    time_ms: int,
    canonical: bytes,
) -> str | None:
    """Say why the seal of one record does not count, or None when it is good."""
    key = ring.find_key(device_no, sealed, time_ms)
    if isinstance(key, str):
        return key
    left = _try_key(key, canonical, sealed.signature or "")
    if isinstance(left, tuple):
        return None if ed25519_holds(canonical, *left) else "bad_signature"
    return left


def _try_key(key: DeviceKey, canonical: bytes, text: str) -> str | tuple[bytes, VerifyKey] | None:
    seal = decode_seal(text)
    if seal is None:
        return "bad_signature"
    if key.public is not None:
        return seal, key.public
    return None if hmac_holds(canonical, seal, key.secret) else "bad_signature"


def _prove_part(jobs: Sequence[_Job]) -> list[bool]:
    return [ed25519_holds(job.canonical, job.seal, job.key) for job in jobs]
