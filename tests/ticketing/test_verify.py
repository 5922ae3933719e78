"""Seals: what proves a tap, what does not, and that no byte of a sealed tap can be changed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.contract.codec import Undecodable, decoder_for, encode
from sapar.contract.messages import Tap
from sapar.contract.seal import Algorithm, digest_of_tap, encode_seal
from sapar.core.metrics import Metrics
from sapar.ticketing.keys import KeyRing
from sapar.ticketing.verify import Candidate, Identity, Verifier
from tests.ticketing.evidence_support import NOW_MS, A, B, candidate, ring, sealed, tap

BOTH: list[Algorithm] = ["ed25519", "hmac-sha256"]


async def verdicts(
    candidates: list[Candidate],
    keys: KeyRing | None = None,
    known: frozenset[Identity] = frozenset(),
) -> list[str | None]:
    verifier = Verifier(2, Metrics().seals)
    try:
        return await verifier.judge(candidates, keys or ring(), known)
    finally:
        verifier.close()


@pytest.mark.parametrize("algorithm", BOTH)
async def test_a_device_speaks_for_itself_alone(algorithm):
    own, others = sealed(tap(), A, algorithm), sealed(tap(), B, algorithm)
    assert await verdicts([candidate(own, A), candidate(others, A), candidate(own, B)]) == [
        None,
        "bad_signature",
        "bad_signature",
    ]


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize(
    "change",
    [
        {"balance_tiyn": 999_999_900},
        {"charged_tiyn": 0},
        {"seq": 2},
        {"epoch": 2},
        {"time_ms": NOW_MS - 1},
        {"num_riders": 2},
        {"outcome": "deny"},
        {"card_ref": "another"},
        {"prev_hash": "0" * 32},
        {"latitude": 50.0},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_is_changed_after_sealing_is_forged(algorithm, change):
    forged = msgspec.structs.replace(sealed(tap(), A, algorithm), **change)
    assert await verdicts([candidate(forged)]) == ["bad_signature"]


async def test_why_a_seal_does_not_count():
    good = sealed(tap())
    replace = msgspec.structs.replace
    assert await verdicts(
        [
            candidate(one)
            for one in (
                tap(),
                replace(good, alg=None),
                replace(good, key_id=None),
                replace(good, signature=None),
                replace(good, key_id=9),
                replace(good, alg="hmac-sha256"),
                replace(good, alg="none"),
                replace(good, key_id=2),
                replace(good, signature=""),
                replace(good, signature=f"{good.signature}="),
                replace(good, signature=encode_seal(b"")),
                replace(good, signature=encode_seal(bytes(64))),
            )
        ]
    ) == [*["unsigned"] * 4, "unknown_key", *["wrong_algorithm"] * 3, *["bad_signature"] * 4]


@pytest.mark.parametrize("algorithm", BOTH)
async def test_a_key_counts_at_the_time_of_the_tap(algorithm):
    """A revoked key still proves what was tapped before, whenever that arrives."""
    keys = ring(valid_from_ms=NOW_MS - 1000, revoked_ms=NOW_MS + 1000)
    times = {-1001: "key_not_valid", -1000: None, 0: None, 999: None, 1000: "revoked_key"}
    found = await verdicts(
        [candidate(sealed(tap(time_ms=NOW_MS + at), A, algorithm)) for at in times], keys
    )
    assert found == list(times.values())


@given(
    algorithm=st.sampled_from(BOTH),
    encoding=st.sampled_from(["json", "msgpack"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
async def test_no_flipped_bit_goes_unseen(algorithm, encoding, place, bit):
    """A record with one bit changed is unreadable, unproved, or reads as the very same."""
    good = sealed(tap(counter=7, route_id="12", latitude=50.25, longitude=57.0), A, algorithm)
    sent = bytearray(encode(good, encoding))
    sent[int(place * len(sent))] ^= 1 << bit
    for found in decoder_for("tap").decode(bytes(sent)):
        if isinstance(found, Undecodable):
            continue
        assert isinstance(found, Tap)
        (verdict,) = await verdicts([candidate(found)])
        same = digest_of_tap(A.agency_id, A.device_id, found) == digest_of_tap(
            A.agency_id, A.device_id, good
        )
        assert (verdict is None) == same == (found == good)


async def test_what_is_known_is_not_proved_again():
    forged = msgspec.structs.replace(sealed(tap()), balance_tiyn=1)
    known = candidate(forged)
    metrics = Metrics()
    verifier = Verifier(2, metrics.seals)
    other = candidate(msgspec.structs.replace(forged, balance_tiyn=2))
    assert await verifier.judge([known, other], ring(), {known.identity}) == [None, "bad_signature"]
    verifier.close()
    value = metrics.registry.get_sample_value
    assert value("sapar_ticketing_seals_total", {"verdict": "known"}) == 1
    assert value("sapar_ticketing_seals_total", {"verdict": "bad_signature"}) == 1


@given(st.lists(st.sampled_from(["good", "hmac", "forged", "unsigned"]), max_size=90))
async def test_verdicts_stand_in_the_order_of_the_candidates(kinds):
    """Threads share a large batch's work."""
    expected = {"good": None, "hmac": None, "forged": "bad_signature", "unsigned": "unsigned"}
    made = {
        "good": sealed(tap(1)),
        "hmac": sealed(tap(2), A, "hmac-sha256"),
        "forged": msgspec.structs.replace(sealed(tap(3)), balance_tiyn=1),
        "unsigned": tap(4),
    }
    found = await verdicts([candidate(made[kind]) for kind in kinds])
    assert found == [expected[kind] for kind in kinds]
