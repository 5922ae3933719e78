"""The packed deny list: exact, small, and a rider is never taken for somebody else."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sapar.contract.codec import decode, encode
from sapar.contract.denylist import (
    HASH_BITS,
    DenySet,
    check_of,
    delta_list,
    full_list,
    hash_of,
    hashes_of,
    mark_of,
    pack,
    unpack,
)
from sapar.contract.messages import DenyList
from sapar.core.errors import BadInput

lists = st.lists(st.integers(0, 2**HASH_BITS - 1), unique=True, max_size=60).map(
    lambda values: np.array(sorted(values), dtype=np.uint64)
)


@given(lists)
@example(np.array([0, 2**HASH_BITS - 1], dtype=np.uint64))
def test_packing_is_exact(hashes):
    assert np.array_equal(unpack(pack(hashes)), hashes)


@given(lists, st.data())
def test_damage_is_noticed(hashes, data):
    packed = bytearray(pack(hashes))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    message = full_list(1, 0, hashes)
    message.added = bytes(packed)
    with suppress(BadInput):  # but bits that fill the last byte up mean nothing
        assert np.array_equal(DenySet.of(message).hashes, hashes)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_list_or_refused(data):
    try:
        hashes = unpack(data)
    except BadInput:
        return
    assert len(hashes) == int.from_bytes(data[:4], "big")


@given(lists, lists)
def test_a_delta_makes_one_list_of_another(base, now):
    delta = decode(encode(delta_list(9, 0, 4, base, now), "msgpack"), DenyList)
    found = DenySet.of(full_list(4, 0, base)).updated(delta)
    assert (found.version, check_of(found.hashes)) == (9, check_of(now))


def test_a_delta_against_another_list_is_refused():
    empty = hashes_of([])
    with pytest.raises(BadInput) as caught:
        DenySet.of(full_list(4, 0, empty)).updated(delta_list(9, 0, 5, empty, empty))
    assert caught.value.code == "deny_list_base"
    with pytest.raises(BadInput):
        DenySet.of(delta_list(9, 0, 5, empty, empty))


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_who_is_on_the_list(encoding):
    blocked = [f"card-{number}" for number in range(2000)]
    message = full_list(7, 0, hashes_of(blocked), [mark_of("card-5")])
    message.card_refs = ["by-name"]
    found = DenySet.of(decode(encode(message, encoding), DenyList))
    assert all(ref in found for ref in blocked if ref != "card-5")
    assert "by-name" in found
    assert "card-5" not in found  # as if another card had its hash
    assert not any(f"card-{number}" in found for number in range(2000, 9000))


def test_bytes_of_a_list_are_as_documented():
    """Worked example of docs/cards.md."""
    assert hash_of("A") == 0x559AEAD082
    assert hash_of("B") == 0xDF7E70E502
    assert pack(hashes_of(["A", "B"])).hex() == "0000000226566bab4209f7e70e502048"


@pytest.mark.parametrize(("cards", "bytes_max"), [(10_000, 36_000), (100_000, 317_000)])
def test_a_list_is_small(cards, bytes_max):
    hashes = np.unique(np.random.default_rng(1).integers(0, 1 << 40, cards, dtype=np.uint64))
    assert len(encode(full_list(1, 0, hashes), "msgpack")) < bytes_max
