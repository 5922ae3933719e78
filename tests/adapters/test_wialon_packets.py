"""Wialon IPS packets: what is read, what is refused with which code, and identity by content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.adapters.wialon_packets import (
    BadPacket,
    Data,
    Login,
    Other,
    Ping,
    parse_fix,
    parse_line,
)
from sapar.contract.messages import INTEGER_MAX

GOOD = "010826;060000;5017.0340;N;05710.0200;E;36;274;210;11"
FULL = f"{GOOD};1.1;0;0;14.77,0.02;NA;count1:1:564,hw:3:V4.5"


def test_a_short_packet_is_a_fix_in_si_units():
    packet = parse_line(f"#SD#{GOOD}")
    assert isinstance(packet, Data)
    (fix,) = packet.fixes
    assert (fix.time_ms, fix.latitude, fix.longitude) == (1_785_564_000_000, 50.2839, 57.167)
    assert (fix.speed_mps, fix.bearing_deg, fix.satellites) == (10.0, 274.0, 11)
    assert packet.answer() == "#ASD#1\r\n"


def test_a_full_packet_says_the_same_and_is_answered_in_its_own_words():
    packet = parse_line(f"#D#{FULL}")
    assert isinstance(packet, Data)
    assert packet.fixes[0].latitude == 50.2839
    assert packet.answer() == "#AD#1\r\n"


def test_a_black_box_is_a_batch():
    later = GOOD.replace("060000", "060010")
    packet = parse_line(f"#B#{GOOD}|{later}|{FULL}|nonsense")
    assert isinstance(packet, Data)
    assert len(packet.fixes) == 3
    assert packet.refused == ("-1",)
    assert packet.answer() == "#AB#3\r\n"
    empty = parse_line("#B#")
    assert isinstance(empty, Data)
    assert empty.answer() == "#AB#0\r\n"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (GOOD.replace("010826", "320826"), "0"),
        (GOOD.replace("060000", "250000"), "0"),
        (GOOD.replace("010826;060000", "NA;NA"), "0"),
        (GOOD.replace("5017.0340", "17.0340"), "10"),
        (GOOD.replace(";N;", ";X;"), "10"),
        (GOOD.replace(";N;", ";NS;"), "10"),
        (GOOD.replace(";N;", ";;"), "10"),
        (GOOD.replace("05710.0200", "NA"), "10"),
        (GOOD.replace(";36;", ";fast;"), "11"),
        (GOOD.replace(";274;", ";-1;"), "11"),
        (GOOD.replace(";11", ";many"), "12"),
        (GOOD + ";1", "-1"),
        ("", "-1"),
    ],
)
def test_what_cannot_be_read_has_the_protocols_own_code(changed, code):
    packet = parse_line(f"#SD#{changed}")
    assert isinstance(packet, Data)
    assert (packet.fixes, packet.refused) == ((), (code,))
    assert packet.answer() == f"#ASD#{code}\r\n"


def test_a_full_packet_needs_all_its_fields():
    with pytest.raises(BadPacket) as refused:
        parse_fix(GOOD, full=True)
    assert refused.value.code == "-1"


def test_a_receiver_without_a_fix_is_passed_on_as_that():
    fix = parse_fix("010826;060000;NA;NA;NA;NA;NA;NA;NA;NA", full=False)
    assert (fix.latitude, fix.longitude, fix.speed_mps, fix.satellites) == (None,) * 4


def test_south_west_and_standing():
    fix = parse_fix("010826;060000;0130.0000;S;00115.0000;W;0;274;0;9", full=False)
    assert (fix.latitude, fix.longitude, fix.speed_mps, fix.bearing_deg) == (-1.5, -1.25, 0.0, None)


def test_the_other_types():
    assert parse_line("#L#356307042441013;secret") == Login("356307042441013", "secret")
    assert parse_line("#L#356307042441013") == Login("356307042441013", "")
    assert parse_line("#P#") == Ping()
    assert parse_line("#M#hello") == Other("M")
    for nonsense in ("", "#", "##", "SD#x", "GET / HTTP/1.1", "#sd#x"):
        assert parse_line(nonsense) is None


def test_the_same_packet_is_the_same_record_and_another_is_not():
    fix = parse_fix(GOOD, full=False)
    assert parse_fix(GOOD, full=False) == fix
    other = parse_fix(GOOD.replace(";11", ";12"), full=False)
    assert (other.time_ms, other.epoch) == (fix.time_ms, fix.epoch)
    assert other.seq != fix.seq
    assert 0 <= fix.seq <= INTEGER_MAX


@given(
    st.integers(0, 89),
    st.floats(0, 59.9999),
    st.sampled_from("NS"),
    st.integers(0, 179),
    st.floats(0, 59.9999),
    st.sampled_from("EW"),
)
def test_any_position_survives_the_notation(lat, lat_min, north, lon, lon_min, east):
    text = f"010826;060000;{lat:02}{lat_min:07.4f};{north};{lon:03}{lon_min:07.4f};{east};1;2;3;4"
    fix = parse_fix(text, full=False)
    assert fix.latitude == pytest.approx(
        (lat + lat_min / 60) * (1 if north == "N" else -1), abs=2e-6
    )
    assert fix.longitude == pytest.approx(
        (lon + lon_min / 60) * (1 if east == "E" else -1), abs=2e-6
    )


@given(st.text(max_size=120))
def test_no_line_breaks_the_parser(text):
    for line in (text, f"#SD#{text}", f"#D#{text}", f"#B#{text}", f"#L#{text}"):
        packet = parse_line(line)
        if isinstance(packet, Data):
            assert packet.answer().endswith("\r\n")
