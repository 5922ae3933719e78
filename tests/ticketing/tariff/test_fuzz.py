"""Whatever stands in a tariff's files, it is a tariff or it is refused with findings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.ticketing.pricing import price_day
from sapar.ticketing.tariff import (
    Tariff,
    TariffFinding,
    TariffRefused,
    Tariffs,
    city_tariff,
    read_tariff,
    write_tariff,
)
from sapar.ticketing.tariff.findings import Findings
from sapar.ticketing.tariff.rows import read_files
from sapar.ticketing.tariff.spec import FILES
from sapar.ticketing.types import Ride
from tests.ticketing.tariff.tariffs import zip_of

COLUMNS = {spec.name: [column.name for column in spec.columns] for spec in FILES}
cells = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "2", "80", "80.50", "adult", "pupil", "card", "qr", "any", "ride", "bus",
         "KZT", "day", "month", "none", "difference", "akimat", "20260415", "04:00:00", "24:00:00",
         "Asia/Almaty", "../etc", "99999999999999999999", "1e9", "\u0660", "a\x00b"]
    ),
    st.text(max_size=6),
)  # fmt: skip


@st.composite
def changed_files(draw) -> bytes:
    """Some files of the plain tariff with rows of anything."""
    changes: dict[str, str | None] = {}
    for name in draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=3)):
        columns = COLUMNS[name]
        rows = draw(
            st.lists(st.lists(cells, min_size=len(columns), max_size=len(columns)), max_size=3)
        )
        safe = [[cell.replace(",", " ").replace("\n", " ") for cell in row] for row in rows]
        changes[name] = "\n".join(",".join(row) for row in [columns, *safe])
    return zip_of(changes)


def read_or_findings(data: bytes) -> Tariff | list[TariffFinding]:
    try:
        return read_tariff(data)
    except TariffRefused as refused:
        return refused.findings


@settings(max_examples=300)
@given(changed_files())
def test_any_rows(data: bytes):
    read = read_or_findings(data)
    if isinstance(read, list):
        assert read
        assert all(found.file or found.code == "bad_zip" for found in read)
        return
    (fare,) = price_day(Tariffs([(0, read)]), [Ride(1, 10**12, "1", "A", "card", "adult")], 0)
    assert fare.nominal_tiyn == fare.charged_tiyn + sum(a.amount_tiyn for a in fare.adjustments)


@given(st.integers(0, len(city_tariff()) - 1), st.integers(0, 255))
def test_any_byte_of_the_zip(position: int, value: int):
    data = bytearray(city_tariff())
    data[position] = value
    read = read_or_findings(bytes(data))
    assert isinstance(read, Tariff) or read


def test_what_is_written_is_read_back():
    name = 'the "old", or inner, city'
    data = write_tariff({"networks.txt": (("network_id", "network_name"), ("city", name))})
    assert read_files(data, Findings()).rows["networks.txt"][0]["network_name"] == name
