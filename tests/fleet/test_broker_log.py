"""Refusals are read from the log: every kind, across restarts and rotation, and nothing forged."""

import pytest

from sapar.fleet.broker_log import REASONS, LogReader, count_refusals

STAMP = b"2026-08-01T06:00:00+0000: "
LINES = {
    "bad_credentials": b"Client <unknown> disconnected, not authorised.",
    "publish_denied": b"Denied PUBLISH from almaty.bus-1 (d0, q1, r0, m1, 'other', ... (6 bytes))",
    "publish_too_large": b"Dropped too large PUBLISH from almaty.bus-1 (d0, q1, r0, m1, 'x', ... (9 bytes))",
    "packet_too_large": b"Client almaty.bus-1 disconnected due to oversize packet.",
    "queue_full": b"Outgoing messages are being dropped for client almaty.bus-1.",
    "session_taken_over": b"Client almaty.bus-1 already connected, closing old connection.",
    "protocol_error": b"Client almaty.bus-1 disconnected due to protocol error.",
    "malformed_packet": b"Client almaty.bus-1 disconnected due to malformed packet.",
    "out_of_memory": b"Client almaty.bus-1 disconnected due to out of memory.",
    "too_many_connections": b"Unable to accept new connection, system socket count has been exceeded.",
}
ROUTINE = (
    b"New connection from 127.0.0.1:40412 on port 33449.",
    b"New client connected from 127.0.0.1:40412 as almaty.bus-1 (p2, c1, k60, u'almaty.bus-1').",
    b"Received PUBLISH from almaty.bus-1 (d0, q1, r0, m1, 'sapar/v1/almaty/d/bus-1/gps', ... (5 bytes))",
    b"Sending PUBACK to almaty.bus-1 (m1, rc0)",
    b"Client almaty.bus-1 disconnected.",
    b"Client almaty.bus-1 has exceeded timeout, disconnecting.",
)


def test_there_is_an_example_of_every_reason():
    assert LINES.keys() == {reason.code for reason in REASONS}


@pytest.mark.parametrize("code", LINES)
def test_every_reason_is_recognised(code):
    chunk = b"".join(STAMP + line + b"\n" for line in (*ROUTINE, LINES[code], *ROUTINE))
    reason = next(reason for reason in REASONS if reason.code == code)
    assert count_refusals(chunk) == {(code, "almaty.bus-1" if reason.names_user else ""): 1}


def test_routine_is_not_a_refusal():
    assert count_refusals(b"".join(STAMP + line + b"\n" for line in ROUTINE)) == {}


def test_an_uninvited_client_does_not_choose_what_is_counted():
    forged = [
        b"Client Denied PUBLISH from x disconnected, not authorised.",
        b"Client almaty.bus-1 disconnected, not authorised.",
    ]
    chunk = b"".join(STAMP + line + b"\n" for line in forged)
    assert {user for _, user in count_refusals(chunk)} <= {"", "x"}
    topic = (
        b"Received PUBLISH from a.b (d0, q1, r0, m1, 'Denied PUBLISH from c.d (', ... (1 bytes))"
    )
    assert count_refusals(STAMP + topic + b"\n") == {}


def test_a_log_is_followed_line_by_line_and_once(tmp_path):
    path = tmp_path / "mosquitto.log"
    reader = LogReader(path)
    assert reader.read() == b""
    path.write_bytes(b"one\ntwo\nthr")
    assert reader.read() == b"one\ntwo\n"
    assert reader.read() == b""
    reader.keep_position()
    with path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert LogReader(path).read() == b"three\nfour\n", "a later reader goes on where this one stood"
    assert reader.read() == b"three\nfour\n"
    path.write_bytes(b"anew\n")
    assert reader.read() == b"anew\n", "a log that was emptied is read from its start"
    reader.keep_position()
    path.rename(tmp_path / "old.log")
    path.write_bytes(b"a longer log in its place\n")
    for one in (reader, LogReader(path)):
        assert one.read() == b"a longer log in its place\n"


def test_a_long_log_is_put_aside_and_emptied(tmp_path):
    path = tmp_path / "mosquitto.log"
    with path.open("ab", buffering=0) as broker:
        broker.write(b"old line\n" * 20)
        reader = LogReader(path, rotate_bytes=100)
        assert reader.read() == b"old line\n" * 20
        reader.keep_position()
        assert path.stat().st_size == 0
        assert path.with_name("mosquitto.log.1").read_bytes() == b"old line\n" * 20
        broker.write(b"new line\n")
    assert reader.read() == b"new line\n"


def test_a_line_without_end_does_not_stop_the_reader(tmp_path):
    path = tmp_path / "mosquitto.log"
    path.write_bytes(b"x" * (LogReader.CHUNK_BYTES + 10) + b"\nnext\n")
    reader = LogReader(path)
    assert len(reader.read()) == LogReader.CHUNK_BYTES
    assert reader.read() == b"x" * 10 + b"\nnext\n"
