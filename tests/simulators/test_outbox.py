"""What a device keeps: nothing is forgotten that no acknowledgement has named."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.contract.codec import decoder_for, digest_of, encode
from sapar.contract.messages import Ack, Fix, RefusedRecord, StoredRanges, UndecodableMessage
from sapar.simulators.outbox import Entry, Outbox, decode_ack, join, pair


def entry(seq: int, kind: str = "gps", epoch: int = 1, **changes) -> Entry:
    return Entry(kind, epoch, seq, b"%d" % seq, **changes)


def ack(kind: Any = "gps", ranges=(), refused=(), undecodable=()) -> Ack:
    return Ack(
        kind=kind,
        server_time_ms=0,
        stored=[StoredRanges(1, [tuple(r) for r in ranges])] if ranges else [],
        refused=[RefusedRecord(1, seq, code) for seq, code in refused],
        undecodable=[UndecodableMessage(digest, "decode_error") for digest in undecodable],
    )


def seqs(entries) -> list[int]:
    return [e.seq for e in entries]


def test_a_record_stays_until_it_is_named():
    box = Outbox()
    for seq in (1, 2, 3):
        box.add(entry(seq))
    taken = box.take(0.0)
    box.sent(taken, 0.0)
    assert seqs(taken) == [1, 2, 3]
    assert [(e.seq, code) for e, code in box.acknowledge(ack(ranges=[(1, 2)]))] == [
        (1, ""),
        (2, ""),
    ]
    assert box.take(9.9) == []
    assert len(box) == 1
    assert seqs(box.take(10.0)) == [3]


def test_a_refused_record_and_an_unreadable_one_are_freed_by_their_names():
    box = Outbox()
    box.add(entry(1))
    box.add(entry(2, alone=True))
    box.sent(box.take(0.0), 0.0)
    box.sent(box.take(0.0), 0.0)
    named = ack(refused=[(1, "no_fix")], undecodable=[digest_of(b"2")])
    assert {(e.seq, code) for e, code in box.acknowledge(named)} == {
        (1, "no_fix"),
        (2, "decode_error"),
    }
    assert len(box) == 0
    assert box.due_s is None
    assert box.take(100.0) == []


@pytest.mark.parametrize(
    "named",
    [
        ack(kind="event", ranges=[(1, 9)]),
        ack(ranges=[(2, 9)]),
        ack(ranges=[(5, 1)]),
        Ack(kind="gps", server_time_ms=0, stored=[StoredRanges(2, [(1, 9)])]),
        ack(refused=[(3, "no_fix")], undecodable=["00"]),
    ],
)
def test_an_acknowledgement_of_something_else_frees_nothing(named):
    box = Outbox()
    box.add(entry(1))
    assert box.acknowledge(named) == []
    assert len(box) == 1


def test_an_enormous_range_is_no_burden():
    box = Outbox()
    box.add(entry(7))
    assert seqs(e for e, _ in box.acknowledge(ack(ranges=[(0, 2**53 - 1)]))) == [7]


def test_what_would_spoil_a_batch_travels_alone_and_kinds_do_not_mix():
    box = Outbox()
    for made in (entry(1), entry(2, alone=True), entry(3), entry(1, kind="event"), entry(4)):
        box.add(made)
    messages = []
    while taken := box.take(0.0):
        box.sent(taken, 0.0)
        messages.append([(e.kind, e.seq) for e in taken])
    assert messages == [[("gps", 1), ("gps", 3), ("gps", 4)], [("gps", 2)], [("event", 1)]]


def test_newest_first_turns_a_backlog_round():
    box = Outbox()
    for seq in range(1, 8):
        box.add(entry(seq))
    assert seqs(box.take(0.0, records_max=3, newest_first=True)) == [7, 6, 5]
    assert seqs(box.take(0.0, records_max=9, newest_first=True)) == [4, 3, 2, 1]


def test_a_full_device_loses_its_oldest_record_and_counts_it():
    box = Outbox(entries_max=3)
    for seq in range(1, 6):
        box.add(entry(seq))
    assert seqs(box) == [3, 4, 5]
    assert box.overflowed == 2
    assert seqs(box.take(0.0)) == [3, 4, 5]


step = st.one_of(
    st.tuples(st.just("add"), st.booleans()),
    st.tuples(st.just("send"), st.booleans()),
    st.tuples(st.just("fail"), st.just(True)),
    st.tuples(st.just("wait"), st.floats(0.1, 15.0)),
    st.tuples(st.just("ack"), st.tuples(st.integers(1, 30), st.integers(1, 30))),
)


@given(steps=st.lists(step, max_size=60))
def test_whatever_happens_every_record_is_kept_or_named_and_is_sent_again(steps):
    box, made, named, now = Outbox(), 0, set(), 0.0
    for what, value in steps:
        if what == "add":
            made += 1
            box.add(entry(made, alone=False))
        elif what in {"send", "fail"}:
            taken = box.take(now, records_max=4, newest_first=value is True)
            assert all(e.seq not in named for e in taken)
            if what == "send":
                box.sent(taken, now)
            else:
                box.unsent(taken)
        elif what == "wait":
            now += value
        else:
            named |= {e.seq for e, _ in box.acknowledge(ack(ranges=[value]))}
        assert sorted(seqs(box)) == [s for s in range(1, made + 1) if s not in named]
    now += 100.0
    again = set()
    while taken := box.take(now, records_max=3):
        box.sent(taken, now)
        again |= set(seqs(taken))
    assert again == set(range(1, made + 1)) - named


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@given(count=st.integers(2, 40))
def test_a_joined_batch_decodes_to_its_records(encoding, count):
    fixes = [Fix(epoch=1, seq=n, time_ms=n, latitude=50.0, longitude=57.0) for n in range(count)]
    encoded = [encode(fix, encoding) for fix in fixes]
    two = pair(encoded[0], encoded[1], encoding)
    message = join([two, *encoded[2:]], encoding, count)
    assert decoder_for("gps").decode(message) == fixes


def test_an_acknowledgement_is_read_in_both_encodings_and_nonsense_is_not():
    made = ack(ranges=[(1, 2)])
    assert decode_ack(encode(made)) == made
    assert decode_ack(encode(made, "msgpack")) == made
    assert decode_ack(b"{]") is None
    assert decode_ack(msgspec.json.encode({"kind": "gps"})) is None
