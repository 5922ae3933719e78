"""Any statement, written in any of the five formats, reads back equal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.finance.bank.formats import guess, parse
from sapar.finance.bank.model import check
from tests.finance.bank.strategies import statements
from tests.finance.bank.writers import (
    CSV_MAPPING,
    WRITERS,
    XLSX_MAPPING,
    readable,
    write_1c,
    write_camt,
    write_csv,
    write_xlsx,
)

MAPPINGS = {"csv": CSV_MAPPING, "xlsx": XLSX_MAPPING}


@pytest.mark.parametrize("form", sorted(WRITERS))
@given(statement=statements())
@settings(max_examples=60)
def test_each_format_reads_back_what_was_written(form, statement):
    data = WRITERS[form](statement)
    assert guess(data) == form
    [found] = parse(data, form, MAPPINGS.get(form))
    assert check(found) == readable(statement, form)


@given(statement=statements())
@settings(max_examples=60)
def test_the_kazakh_dialect_in_either_encoding(statement):
    for encoding in ("kz1048", "utf-8"):
        assert parse(write_1c(statement, dialect="kz", encoding=encoding), "1c") == [statement]


@given(statement=statements())
@settings(max_examples=10)
def test_the_same_statement_is_written_as_the_same_bytes(statement):
    for write in WRITERS.values():
        assert write(statement) == write(statement)


@given(statement=statements(), version=st.integers(2, 8), data=st.data())
@settings(max_examples=60)
def test_batches_in_any_version_of_camt(statement, version, data):
    batches, place = {}, 0
    while place < len(statement.lines):
        count = data.draw(st.integers(1, 3))
        batch = statement.lines[place : place + count]
        days = {(line.booked_on, line.value_on) for line in batch}
        if len(batch) == count and len(days) == 1 and sum(line.amount_tiyn for line in batch):
            batches[place] = count
            place += count
        else:
            place += 1
    written = write_camt(statement, version=version, batches=batches)
    assert parse(written, "camt053") == [statement]


@given(
    statement=statements(),
    delimiter=st.sampled_from(";,\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "kz1048"]),
    split=st.booleans(),
)
@settings(max_examples=60)
def test_tables_with_any_separator_and_columns(statement, delimiter, encoding, split):
    mapping = XLSX_MAPPING if split else CSV_MAPPING
    data = write_csv(statement, split=split, delimiter=delimiter, encoding=encoding)
    assert parse(data, "csv", mapping) == [statement]
    assert parse(write_xlsx(statement, split=split), "xlsx", mapping) == [statement]
