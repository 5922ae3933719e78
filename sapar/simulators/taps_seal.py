"""Sealing what validators recorded: with their own keys, or badly where that was planted. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from sapar.contract.messages import ShiftReport, Tap
from sapar.contract.seal import (
    Algorithm,
    digest_of_tap,
    public_key_of,
    seal_shift,
    seal_tap,
)
from sapar.simulators.taps import MadeTap

_replace = msgspec.structs.replace


class DeviceKey(NamedTuple):
    """What a validator seals with; `key` is a secret of 32 bytes."""

    algorithm: Algorithm
    key_id: int
    key: bytes

    @property
    def public_key(self) -> bytes | None:
        """The key that the server needs; None where both share one secret."""
        return public_key_of(self.key) if self.algorithm == "ed25519" else None


def make_ed25519_key(seed: int, device_id: str, key_id: int = 1) -> DeviceKey:
    """Give a validator the key pair that follows from the seed."""
    text = f"sapar-simulator {seed} {device_id} {key_id}"
    return DeviceKey("ed25519", key_id, hashlib.sha256(text.encode()).digest())


class Sealer:
    """Seals the taps of an agency's validators, each with the digest of the one before.

    Args:
        agency_id: whose they are.
        device_ids: names of the validators by number.
        keys: their keys by name.
    """

    def __init__(
        self, agency_id: str, device_ids: Sequence[str], keys: Mapping[str, DeviceKey]
    ) -> None:
        self._agency_id, self._device_ids, self._keys = agency_id, device_ids, keys
        self._before: dict[int, str] = {}

    def seal(self, one: MadeTap) -> MadeTap:
        """Seal the next tap of a validator as its fault demands."""
        device_id = self._device_ids[one.device]
        tap = _replace(one.tap, prev_hash=self._before.get(one.device))
        sealed = self._with_seal(device_id, tap, one)
        self._before[one.device] = digest_of_tap(self._agency_id, device_id, sealed).hex()
        return one._replace(tap=sealed)

    def seal_all(self, taps: Iterable[MadeTap]) -> list[MadeTap]:
        """Seal taps that stand in the order in which each validator made them."""
        return [self.seal(one) for one in taps]

    def seal_report(self, device: int, time_ms: int, report: ShiftReport) -> ShiftReport:
        """Seal the shift report of a validator; `time_ms` is that of the event that brings it."""
        device_id = self._device_ids[device]
        key = self._keys[device_id]
        return seal_shift(self._agency_id, device_id, time_ms, report, **key._asdict())

    def _with_seal(self, device_id: str, tap: Tap, one: MadeTap) -> Tap:
        if one.fault == "unsigned":
            return tap
        key = self._keys[device_id]
        if one.fault == "stranger":
            other = self._device_ids[(one.device + 1) % len(self._device_ids)]
            key = key._replace(key=self._keys[other].key)
        sealed = seal_tap(self._agency_id, device_id, tap, **key._asdict())
        if one.fault == "forged":
            return _replace(sealed, num_riders=sealed.num_riders + 1)
        return sealed
