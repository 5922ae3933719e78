"""Whatever bytes come: a feed loads or is refused with reasons, and nothing else happens."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sapar.gtfs.importer import check_feed
from sapar.gtfs.static import FeedRefused
from tests.gtfs.feeds import BASE, tiny_feed
from tests.gtfs.test_real_feeds import assert_sound

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FILES = {
    **BASE,
    "calendar_dates.txt": "service_id,date,exception_type\nDAILY,20260501,2\n",
    "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nT1,08:00:00,10:00:00,600\n",
    "translations.txt": "table_name,field_name,language,translation,record_id\nstops,stop_name,ru,Парк,S2\n",
}
# pieces that have broken readers of CSV, numbers, dates and zips before
PIECES = [
    "", ",", '"', '""', "\n", "\r", "\r\n", " ", "\t", "\0", "\ufeff", "-1", "1e999", "nan", "inf",
    "1_000", "٣", "99999999999", "2147483648", "00000000", "20260230", "99991231", "00010101",
    "999:59:59", "24:00:00", "-0", "0", "S1", "S2", "T1", "T2", "H1", "R1", "DAILY", "x" * 300,
    "../..", "UTC", "\ud7ff", "\U0001f68c",
]  # fmt: skip


def judge(content: bytes) -> None:
    refusals = []
    try:
        checked = check_feed(content, "city", NOW)
    except FeedRefused as refused:
        refusals = refused.refusals
    else:
        assert_sound(checked.timetable)
        return
    assert refusals
    assert all(found.reason for found in refusals)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """The base feed with a few pieces of text replaced, added or taken out."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        text = files[name]
        begin = draw(st.integers(0, len(text)))
        end = min(begin + draw(st.sampled_from([0, 1, 2, 8, 60])), len(text))
        files[name] = text[:begin] + draw(st.sampled_from(PIECES)) + text[end:]
    return tiny_feed(files)


@st.composite
def damaged_cells(draw: st.DrawFn) -> bytes:
    """The base feed with a few whole values replaced, so that rows still split."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        rows = [line.split(",") for line in files[name].splitlines()]
        row = draw(st.integers(1, len(rows) - 1)) if len(rows) > 1 else 0
        column = draw(st.integers(0, len(rows[row]) - 1))
        rows[row][column] = draw(st.sampled_from([piece for piece in PIECES if "\n" not in piece]))
        files[name] = "\n".join(",".join(cells) for cells in rows) + "\n"
    return tiny_feed(files)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_files())
def test_damaged_text(content: bytes) -> None:
    judge(content)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_cells())
def test_damaged_values(content: bytes) -> None:
    judge(content)


@settings(max_examples=300)
@given(st.integers(0, len(tiny_feed(FILES)) - 1), st.integers(1, 255), st.integers(1, 400))
@example(0, 1, 1)
def test_damaged_zip(position: int, flip: int, cut: int) -> None:
    content = bytearray(tiny_feed(FILES))
    content[position] ^= flip
    judge(bytes(content))
    judge(bytes(content[:-cut]))


@given(st.binary(max_size=400))
def test_noise(content: bytes) -> None:
    judge(content)
    judge(b"PK\x05\x06" + content)
