"""The journals of judged taps: a fare for a new ride, the difference for a changed one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sapar.ticketing.ledger.accounts import PURSE, AccountKey, card_account
from sapar.ticketing.ledger.business_days import ClosedDays
from sapar.ticketing.ledger.entries import difference, entries_of, keys_of
from sapar.ticketing.taps.carriers import Carriers
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.taps.judge import UNKNOWN_CARD
from sapar.ticketing.taps.scene import Scene
from sapar.ticketing.taps.store import PostedTap
from sapar.ticketing.types import Adjustment, Fare, Journal

ACTOR = "sapar"
NOBODY = "what is known of the card"
"""Cause of a difference that no tap of the same card brought."""

_CLEARING = (2210, 2220)  # in time, and after the day was closed
_NOTHING = PostedTap({}, set())
_NAMED_MAX = 5


class Pattern(NamedTuple):
    """All that the entries of a fare depend on but the card: many taps have the same one."""

    agency_id: str
    carrier: str
    late: bool
    unknown_card: bool
    disputed: str | None
    product_id: str
    nominal_tiyn: int
    charged_tiyn: int
    adjustments: tuple[Adjustment, ...]
    boardings: int


class Moving(NamedTuple):
    """A tap whose postings change; the number of the pattern that is to stand, None for nothing."""

    evidence: Evidence
    judged: Judgement
    agency_id: str
    pattern_no: int | None


class Changes:
    """What a judged scene changes in the ledger.

    Args:
        scene: judged.
        before: what is posted so far, by tap.
        carriers: names the owners of carriers' accounts.
        days: which business days are closed.
    """

    def __init__(
        self,
        scene: Scene,
        before: Mapping[int, PostedTap],
        carriers: Carriers,
        days: ClosedDays,
    ) -> None:
        self._scene = scene
        self._before = before
        self._carriers = carriers
        self._days = days
        self._patterns: dict[Pattern, int] = {}
        self._fares: list[tuple[Pattern, Fare]] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self._moving = [
            self._moved(evidence)
            for evidence in (*scene.new, *scene.changed)
            if scene.moves(evidence)
        ]

    def _moved(self, evidence: Evidence) -> Moving:
        scene = self._scene
        judged, fare = scene.judged[evidence.tap_no], scene.fares[evidence.tap_no]
        agency_id = scene.agency_of(evidence)
        if fare is None:
            return Moving(evidence, judged, agency_id, None)
        is_new = evidence.judged is None
        # whole patterns are slow to look up, and nearly all fares are the tariff's very own
        key = (id(fare), judged.carrier_no, judged.service_date, is_new, judged.code, agency_id)
        number = self._known.get(key)
        if number is None:
            pattern = Pattern(
                agency_id,
                self._carriers.owner(judged.carrier_no),
                is_new and self._days.late(agency_id, judged.service_date),
                judged.code == UNKNOWN_CARD,
                fare.disputed,
                fare.product_id,
                fare.nominal_tiyn,
                fare.charged_tiyn,
                fare.adjustments,
                fare.boardings,
            )
            number = self._patterns.setdefault(pattern, len(self._fares))
            if number == len(self._fares):
                self._fares.append((pattern, fare))
            self._known[key] = number
        return Moving(evidence, judged, agency_id, number)

    def account_keys(self) -> set[AccountKey]:
        """Give the accounts that `draft` asks for."""
        found: set[AccountKey] = set()
        for pattern, fare in self._fares:
            found |= keys_of(
                fare,
                agency_id=pattern.agency_id,
                carrier=pattern.carrier,
                late=pattern.late,
                unknown_card=pattern.unknown_card,
            )
        for moving in self._moving:
            if moving.evidence.judged is not None:
                for owner in self._owners(moving):
                    found |= {(moving.agency_id, code, owner) for code in _CLEARING}
        return found

    def draft(self, numbers: Mapping[AccountKey, int]) -> list[Journal]:
        """Make the journals; `numbers` holds the accounts of `account_keys`."""
        templates = [
            entries_of(
                fare,
                agency_id=pattern.agency_id,
                card_no=0,
                carrier=pattern.carrier,
                late=pattern.late,
                unknown_card=pattern.unknown_card,
                account_of=numbers,
            )
            for pattern, fare in self._fares
        ]
        causes = _causes(self._scene)
        journals: list[Journal] = []
        for moving in self._moving:
            evidence = moving.evidence
            template = templates[moving.pattern_no] if moving.pattern_no is not None else {}
            entries = {
                number or card_account(evidence.card_no, PURSE): amount
                for number, amount in template.items()
            }
            if evidence.judged is None:
                journals.append(_journal(moving, entries, "tap", moving.judged.rule))
                continue
            entries = self._difference(moving, entries, numbers)
            if entries:
                cause = causes.get(evidence.card_no, NOBODY)
                rule = f"{moving.judged.rule}; moved by {cause}"
                journals.append(_journal(moving, entries, "fare_change", rule))
        return journals

    def _owners(self, moving: Moving) -> set[str]:
        """Give the carrier of a changed tap, and those on whose accounts it stands."""
        posted = self._before.get(moving.evidence.tap_no, _NOTHING)
        return {self._carriers.owner(moving.judged.carrier_no), *posted.owners}

    def _difference(
        self, moving: Moving, entries: Mapping[int, int], numbers: Mapping[AccountKey, int]
    ) -> dict[int, int]:
        home, late = _CLEARING
        clearing_of = {
            numbers[moving.agency_id, late, owner]: numbers[moving.agency_id, home, owner]
            for owner in self._owners(moving)
        }
        return _late_difference(
            entries,
            self._before.get(moving.evidence.tap_no, _NOTHING).entries,
            clearing_of,
            late=self._days.late(moving.agency_id, moving.judged.service_date),
        )


def _journal(moving: Moving, entries: dict[int, int], kind: str, rule: str) -> Journal:
    evidence, judged = moving.evidence, moving.judged
    return Journal(
        agency_id=moving.agency_id,
        kind=kind,
        service_date=judged.service_date,
        event_at_ms=judged.event_ms,
        event_at_raw_ms=evidence.device_ms,
        received_ms=evidence.received_ms,
        entries=entries,
        rule=rule,
        actor=ACTOR,
        tap_no=evidence.tap_no,
        revision=evidence.revision,
        card_no=evidence.card_no,
        product_id=judged.product_id,
        rider_category=judged.rider_category,
        tariff_version=judged.tariff_version,
    )


def _late_difference(
    desired: Mapping[int, int],
    posted: Mapping[int, int],
    clearing_of: Mapping[int, int],
    *,
    late: bool,
) -> dict[int, int]:
    """Give what is still to be posted; after the close it goes through the late clearing account.

    What was posted late counts as posted on the clearing account: the same money, in a later
    statement.
    """
    folded: dict[int, int] = {}
    for number, amount in posted.items():
        home = clearing_of.get(number, number)
        folded[home] = folded.get(home, 0) + amount
    entries = difference(desired, folded)
    if not late:
        return entries
    late_of = {home: number for number, home in clearing_of.items()}
    return {late_of.get(number, number): amount for number, amount in entries.items()}


def _causes(scene: Scene) -> dict[int, str]:
    """Name for each card the taps that moved its others: device, epoch and number of each."""
    if not scene.changed:
        return {}
    named: dict[int, list[str]] = {}
    for tap in (*scene.new, *scene.touched):
        named.setdefault(tap.card_no, []).append(f"{tap.device_no}/{tap.epoch}/{tap.seq}")
    return {
        card_no: ", ".join(names[:_NAMED_MAX]) + (" …" if len(names) > _NAMED_MAX else "")
        for card_no, names in named.items()
    }
