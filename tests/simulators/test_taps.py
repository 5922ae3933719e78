"""The synthetic population, the taps of its days, what goes wrong with them, and how they arrive."""

from collections import Counter, defaultdict

import pytest

from sapar.contract.seal import canonical_bytes, decode_seal, ed25519_holds
from sapar.simulators.population import boardings_of_day, make_population
from sapar.simulators.taps import MadeTap, ValidatorFleet, taps_of_day
from sapar.simulators.taps_faults import EXPECTED, TapFaults, plant
from sapar.simulators.taps_seal import Sealer, make_ed25519_key
from sapar.simulators.taps_upload import Radio, uploads_of

MIDNIGHT_MS = 1_780_254_000_000
FLEET = ValidatorFleet([f"{number}" for number in range(1, 9)], buses=6)
FAULTS = TapFaults(0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.2, 0.2, 0.2)


@pytest.fixture(scope="module")
def population():
    return make_population(6000, len(FLEET.line_ids), seed=7)


@pytest.fixture(scope="module")
def made(population):
    return taps_of_day(population, FLEET, MIDNIGHT_MS)


@pytest.fixture(scope="module")
def planted(made):
    return plant(made, 7, FAULTS)


def identity(one: MadeTap):
    return (one.device, one.tap.epoch, one.tap.seq)


def test_a_city_of_1_3_million_cards_taps_0_9_million_times_a_day():
    population = make_population(1_300_000, 40, seed=1)
    boardings = boardings_of_day(population, 0)
    assert 850_000 < len(boardings) < 960_000
    hours = Counter((boardings.second // 3600).astype(int).tolist())
    assert hours[7] + hours[8] > 3 * (hours[11] + hours[12])
    shares = Counter(population.category.tolist())
    assert shares[population.categories.index("adult")] / 1_300_000 == pytest.approx(0.58, abs=0.01)


def test_the_same_seed_makes_the_same_day_and_another_seed_another(population, made):
    assert taps_of_day(make_population(6000, 8, seed=7), FLEET, MIDNIGHT_MS) == made
    assert taps_of_day(make_population(6000, 8, seed=8), FLEET, MIDNIGHT_MS) != made
    assert taps_of_day(population, FLEET, MIDNIGHT_MS, day=1) != made


def test_validators_number_their_taps_and_cards_count_theirs(made):
    seqs, counters = defaultdict(list), defaultdict(list)
    for one in made:
        seqs[one.device].append(one.tap.seq)
        counters[one.tap.card_ref].append(one.tap.counter)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())
    assert all(
        numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        for numbers in counters.values()
    )
    assert len(made) > 3000
    assert any(one.tap.num_riders > 1 for one in made)


def test_no_more_taps_than_asked_for(population):
    assert len(taps_of_day(population, FLEET, MIDNIGHT_MS, taps_max=500)) == 500


def test_without_faults_the_day_stays_as_it_is(made):
    planted = plant(made, 7, TapFaults.none())
    assert planted.lost == []
    assert sorted(planted.taps, key=identity) == sorted(made, key=identity)


def test_every_fault_is_planted_and_does_what_it_says(made, planted):
    counts = Counter(one.fault for one in planted.taps)
    assert set(EXPECTED) | {"denied", "drift", "reboot"} <= set(counts)
    by_identity = defaultdict(list)
    for one in planted.taps:
        by_identity[identity(one)].append(one)
    twice = [group for group in by_identity.values() if len(group) > 1]
    assert len(twice) == counts["conflict"] > 10
    assert all({one.variant for one in group} == {0, 1} for group in twice)
    assert all(group[0].tap.time_ms != group[1].tap.time_ms for group in twice)
    tapped = Counter((one.tap.card_ref, one.tap.counter) for one in planted.taps)
    copies = sum(one.fault in {"clone", "replay"} for one in planted.taps)
    lost = {(one.tap.card_ref, one.tap.counter) for one in planted.lost}
    reused = sum(count - 1 for key, count in tapped.items() if key not in lost)
    assert 0.8 * copies < reused <= copies
    assert any(one.tap.epoch == 2 for one in planted.taps)
    wrong = [one for one in planted.taps if one.tap.time_ms != one.true_ms]
    assert wrong
    assert all(abs(one.tap.time_ms - one.true_ms) <= 90_000 for one in wrong)
    assert all(one.tap.outcome == "deny" for one in planted.taps if one.fault == "denied")


def test_lost_ranges_leave_gaps_and_nothing_else_does(planted):
    seqs = defaultdict(set)
    for one in planted.taps:
        seqs[one.device, one.tap.epoch].add(one.tap.seq)
    missing = {
        (*key, seq)
        for key, numbers in seqs.items()
        for seq in range(min(numbers), max(numbers) + 1)
        if seq not in numbers
    }
    assert missing == {identity(one) for one in planted.lost}
    assert missing


def test_uploads_lose_nothing_and_invent_nothing(planted):
    uploads = uploads_of(planted.taps, 7, Radio(repeat=0.2))
    sent = Counter((identity(one), one.variant) for upload in uploads for one in upload.taps)
    assert set(sent) == {(identity(one), one.variant) for one in planted.taps}
    assert max(sent.values()) == 2
    assert [upload.at_ms for upload in uploads] == sorted(upload.at_ms for upload in uploads)
    assert all(one.device == upload.device for upload in uploads for one in upload.taps)
    assert any(upload.at_ms - one.true_ms > 1_800_000 for upload in uploads for one in upload.taps)


def test_seals_are_good_except_where_planted(planted):
    names = [f"validator-{number}" for number in range(FLEET.devices)]
    keys = {name: make_ed25519_key(1, name) for name in names}
    sealed = Sealer("city", names, keys).seal_all(planted.taps[:600])
    assert {"forged", "stranger", "unsigned"} <= {one.fault for one in sealed}
    for one in sealed:
        name = names[one.device]
        good = one.tap.signature is not None and ed25519_holds(
            canonical_bytes("city", name, one.tap),
            decode_seal(one.tap.signature) or b"",
            _verify_key(keys[name]),
        )
        assert good == (one.fault not in {"forged", "stranger", "unsigned"})


def _verify_key(key):
    from nacl.signing import VerifyKey

    return VerifyKey(key.public_key)
