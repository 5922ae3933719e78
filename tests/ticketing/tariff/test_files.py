"""What a tariff's files may say, and every finding that refuses them."""

import io
import zipfile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.ticketing.tariff import TariffRefused, check_tariff, city_tariff, read_tariff
from sapar.ticketing.tariff.findings import REFUSALS, WARNINGS
from sapar.ticketing.tariff.rows import ZIP_BYTES_MAX, parse_amount
from tests.ticketing.tariff.tariffs import PLAIN, tariff_of, zip_of

HEAD = "name,currency,timezone"
PRODUCTS = PLAIN["fare_products.txt"]
TRANSFER = (
    "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,"
    "fare_transfer_type,fare_product_id,funder,duration_from"
)
CONCESSION = "rider_category_id,funder,compensation,base_category_id,free_rides_per_day"
CALENDAR = (
    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
)
WEEK = CALENDAR + "week,1,1,1,1,1,0,0,20260101,20261231"
TIMES = "timeframe_group_id,start_time,end_time,service_id\n"
RULES = "leg_group_id,network_id,from_timeframe_group_id,fare_product_id,rule_priority\n"

# (file, its text or None, code, file and line of the finding)
REFUSED: list[tuple[str, str | None, str, str, int]] = [
    ("tariff.txt", None, "missing_file", "tariff.txt", 0),
    ("tariff.txt", f"{HEAD}\nA,USD,Asia/Aqtobe", "unsupported", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD}\nA,KZT,Asia/Nowhere", "bad_value", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD}\nA,KZT,", "missing_value", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD}\nA,KZT,UTC\nB,KZT,UTC", "one_row", "tariff.txt", 3),
    ("tariff.txt", f"{HEAD},day_start\nA,KZT,UTC,04:05:00", "bad_value", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD},double_debit_window_s\nA,KZT,UTC,-1", "bad_value", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD},unknown_route\nA,KZT,UTC,guess", "bad_value", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD},group_category\nA,KZT,UTC,lord", "unknown_reference", "tariff.txt", 2),
    ("tariff.txt", f"{HEAD},name\nA,KZT,UTC,B", "duplicate_column", "tariff.txt", 1),
    ("tariff.txt", f"{HEAD}\nA,KZT,UTC,more", "wrong_width", "tariff.txt", 2),
    ("fare_products.txt", "fare_product_id,amount\nride,80", "missing_column", "fare_products.txt", 1),
    ("fare_products.txt", f"{PRODUCTS}\nx,adult,,-5,KZT", "bad_value", "fare_products.txt", 4),
    ("fare_products.txt", f"{PRODUCTS}\nx,adult,,80.005,KZT", "bad_value", "fare_products.txt", 4),
    ("fare_products.txt", f"{PRODUCTS}\nx,lord,,80,KZT", "unknown_reference", "fare_products.txt", 4),
    ("fare_products.txt", f"{PRODUCTS}\nride,adult,,90,KZT", "duplicate_key", "fare_products.txt", 4),
    (
        "fare_products.txt",
        "\n".join(PRODUCTS.splitlines()[:2]),
        "category_without_price",
        "fare_products.txt",
        0,
    ),
    (
        "rider_categories.txt",
        "rider_category_id,rider_category_name\nadult,Adults\npupil,Pupils",
        "no_default_category",
        "rider_categories.txt",
        0,
    ),
    (
        "fare_leg_rules.txt",
        "leg_group_id,fare_product_id,from_area_id\nbus,ride,centre",
        "unsupported",
        "fare_leg_rules.txt",
        2,
    ),
    (
        "fare_leg_rules.txt",
        "leg_group_id,network_id,fare_product_id,rule_priority\nbus,,ride,0\nbus,,dear,0",
        "unknown_reference",
        "fare_leg_rules.txt",
        3,
    ),
    ("fare_leg_join_rules.txt", "a\n1", "unsupported_file", "fare_leg_join_rules.txt", 0),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,1,1800,1,2,,,", "unsupported", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,1,1800,2,0,,,", "unsupported", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,1,1800,,0,,,", "bad_value", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,1,0,1,0,,,", "bad_value", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,,1800,1,0,,,", "bad_value", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,,1,1800,1,0,,,", "bad_value", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\nbus,bus,0,1800,1,0,,,", "bad_value", "fare_transfer_rules.txt", 2),
    ("fare_transfer_rules.txt", f"{TRANSFER}\ntram,bus,,1800,1,0,,,", "unknown_reference", "fare_transfer_rules.txt", 2),
    (
        "fare_transfer_rules.txt",
        f"{TRANSFER}\nbus,bus,1,1800,1,0,,,\nbus,bus,1,3600,1,0,,,",
        "ambiguous_rule",
        "fare_transfer_rules.txt",
        3,
    ),
    ("caps.txt", "cap_id,period,amount\nday,week,400", "bad_value", "caps.txt", 2),
    ("caps.txt", "cap_id,period,amount,funder\nday,day,400,The City", "bad_value", "caps.txt", 2),
    ("concessions.txt", f"{CONCESSION}\npupil,,difference,,", "missing_funder", "concessions.txt", 2),
    ("concessions.txt", f"{CONCESSION}\npupil,,none,,2", "missing_funder", "concessions.txt", 2),
    ("concessions.txt", f"{CONCESSION}\nadult,akimat,difference,pupil,", "dearer_concession", "concessions.txt", 2),
    ("concessions.txt", f"{CONCESSION}\nadult,akimat,difference,,", "chained_base_category", "concessions.txt", 2),
    (
        "concessions.txt",
        f"{CONCESSION}\npupil,akimat,difference,adult,\nadult,akimat,difference,pupil,",
        "chained_base_category",
        "concessions.txt",
        2,
    ),
    ("free_days.txt", "date,funder\n20260230,akimat", "bad_value", "free_days.txt", 2),
    ("free_days.txt", "date,funder\n20260321,", "missing_value", "free_days.txt", 2),
    ("passes.txt", "fare_product_id,period,days\nride,days,", "bad_value", "passes.txt", 2),
    ("passes.txt", "fare_product_id,period,days\nmonthly,month,", "unknown_reference", "passes.txt", 2),
    (
        "passes.txt",
        "fare_product_id,period,days,network_id\nride,month,,\nride,month,,",
        "duplicate_key",
        "passes.txt",
        3,
    ),
    ("timeframes.txt", f"{TIMES}peak,07:00:00,09:00:00,week", "unknown_reference", "timeframes.txt", 2),
    ("timeframes.txt", f"{TIMES}peak,07:00:00,25:00:00,week", "bad_value", "timeframes.txt", 2),
    ("calendar.txt", CALENDAR + "week,1,1,1,1,1,0,0,20260101,20251231", "bad_value", "calendar.txt", 2),
    ("calendar_dates.txt", "service_id,date,exception_type\nweek,20260101,3", "bad_value", "calendar_dates.txt", 2),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "code", "at_file", "line"), REFUSED)
def test_findings_name_file_line_and_code(
    file: str, text: str | None, code: str, at_file: str, line: int
):
    with pytest.raises(TariffRefused) as refused:
        read_tariff(zip_of({file: text}))
    found = {(one.code, one.file, one.line) for one in refused.value.findings}
    assert (code, at_file, line) in found
    assert code in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(TariffRefused) as refused:
        read_tariff(
            zip_of(
                {
                    "fare_products.txt": f"{PRODUCTS}\nx,lord,,80,KZT\ny,adult,,1e3,KZT",
                    "caps.txt": "cap_id,period,amount\nday,week,400",
                    "tariff.txt": f"{HEAD}\nA,USD,Asia/Nowhere",
                }
            )
        )
    assert {(one.file, one.line) for one in refused.value.findings} >= {
        ("fare_products.txt", 4),
        ("fare_products.txt", 5),
        ("caps.txt", 2),
        ("tariff.txt", 2),
    }


def test_two_rules_of_one_priority_are_refused():
    products = f"{PRODUCTS}\ndear,adult,,100,KZT"
    rules = "leg_group_id,network_id,fare_product_id,rule_priority\nbus,,ride,{}\nbus,,dear,0"
    with pytest.raises(TariffRefused) as refused:
        read_tariff(zip_of({"fare_products.txt": products, "fare_leg_rules.txt": rules.format(0)}))
    assert [(one.code, one.line) for one in refused.value.findings] == [("ambiguous_rule", 3)]
    tariff = tariff_of({"fare_products.txt": products, "fare_leg_rules.txt": rules.format(1)})
    leg = tariff.find_leg("", "adult", "card", 0)
    assert leg is not None
    assert leg.own_tiyn == 8000


@pytest.mark.parametrize(
    ("late", "codes"), [("08:00:00,10:00:00", ["ambiguous_rule"]), ("09:00:00,10:00:00", [])]
)
def test_timeframes_that_overlap_are_refused(late: str, codes: list[str]):
    files: dict[str, str | None] = {
        "calendar.txt": WEEK,
        "timeframes.txt": f"{TIMES}early,07:00:00,09:00:00,week\nlate,{late},week",
        "fare_products.txt": f"{PRODUCTS}\ndear,adult,,100,KZT\ndearer,adult,,120,KZT",
        "fare_leg_rules.txt": f"{RULES}bus,,,ride,0\nbus,,early,dear,1\nbus,,late,dearer,1",
    }
    if not codes:
        assert tariff_of(files).name == "Plain"
        return
    with pytest.raises(TariffRefused) as refused:
        tariff_of(files)
    assert [one.code for one in refused.value.findings] == codes


def test_a_base_price_that_is_missing_is_refused():
    products = (
        "fare_product_id,rider_category_id,amount,currency\nride,adult,80,KZT\nschool,pupil,40,KZT"
    )
    rules = "leg_group_id,network_id,fare_product_id,rule_priority\nbus,city,ride,0\nbus,school,school,0"
    with pytest.raises(TariffRefused) as refused:
        read_tariff(
            zip_of(
                {
                    "networks.txt": "network_id\ncity\nschool",
                    "fare_products.txt": products,
                    "fare_leg_rules.txt": rules,
                    "concessions.txt": f"{CONCESSION}\npupil,akimat,difference,,",
                }
            )
        )
    assert {one.code for one in refused.value.findings} == {"no_base_price"}


def test_bytes_that_are_no_tariff_are_refused_with_a_code():
    for data in (b"", b"PK\x03\x04 no", bytes(ZIP_BYTES_MAX + 1)):
        with pytest.raises(TariffRefused) as refused:
            read_tariff(data)
        assert [one.code for one in refused.value.findings] == ["bad_zip"]


def test_a_file_that_is_not_utf8_or_not_csv_is_refused():
    for content in (b"name,currency\n\xff\xfe,KZT", b'name,currency\n"open,KZT'):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for name, text in PLAIN.items():
                archive.writestr(name, content if name == "tariff.txt" else text)
        with pytest.raises(TariffRefused) as refused:
            read_tariff(data.getvalue())
        assert "unreadable_file" in {one.code for one in refused.value.findings}


def test_warnings_say_what_will_be_held():
    files: dict[str, str | None] = {
        "channels.txt": "medium,fare_media_id\ncard,any\nqr,any",
        "fare_products.txt": (
            "fare_product_id,rider_category_id,fare_media_id,amount,currency\n"
            "ride,adult,any,80,KZT\nride,pupil,,40,KZT\nschool,pupil,,10,KZT"
        ),
        "networks.txt": "network_id,colour\ncity,red\nnight,black",
        "fare_leg_rules.txt": f"{RULES}bus,city,,ride,0\nbus,night,peak,ride,0",
        "calendar.txt": WEEK,
        "timeframes.txt": f"{TIMES}peak,07:00:00,09:00:00,week\nidle,10:00:00,11:00:00,week",
        "fare_transfer_rules.txt": f"{TRANSFER}\nbus,bus,1,1800,1,0,school,,",
        "stops.txt": "stop_id\n1",
    }
    read = check_tariff(zip_of(files))
    assert {found.code for found in read.warnings} == set(WARNINGS)
    assert {found.file for found in read.warnings if found.code == "stray_file"} == {"stops.txt"}


def test_timeframes_that_fill_the_week_leave_no_warning():
    files: dict[str, str | None] = {
        "calendar.txt": CALENDAR + "all,1,1,1,1,1,1,1,20260101,20261231",
        "timeframes.txt": f"{TIMES}day,04:00:00,22:00:00,all\nnight,22:00:00,,all\nnight,,04:00:00,all",
        "fare_products.txt": f"{PRODUCTS}\ndear,,,120,KZT",
        "fare_leg_rules.txt": f"{RULES}bus,,day,ride,0\nbus,,night,dear,0",
    }
    assert check_tariff(zip_of(files)).warnings == []


def test_without_priorities_an_empty_network_means_the_unnamed_ones():
    # GTFS: with the column rule_priority an empty network matches all, without it the rest
    files: dict[str, str | None] = {
        "networks.txt": "network_id\ncity\nnight",
        "fare_products.txt": f"{PRODUCTS}\nnight,,,120,KZT",
        "fare_leg_rules.txt": "leg_group_id,network_id,fare_product_id\nbus,,ride\nbus,night,night",
    }
    tariff = tariff_of(files)
    prices = {
        network: leg.own_tiyn
        for network in ("city", "night")
        if (leg := tariff.find_leg(network, "adult", "card", 0))
    }
    assert prices == {"city": 8000, "night": 12000}


def test_the_city_to_begin_with_is_a_good_tariff():
    read = check_tariff(city_tariff())
    assert read.warnings == []
    assert read.tariff.default_category == "adult"
    assert read.tariff.find_price("month_pass", "student") == 225000
    assert city_tariff() == city_tariff()


def test_a_tariff_that_names_no_zone_takes_the_agencys():
    data = zip_of({"tariff.txt": "name,currency\nPlain,KZT"})
    assert read_tariff(data, zone=ZoneInfo("Asia/Almaty")).calendar.zone.key == "Asia/Almaty"


def test_every_code_is_described():
    assert not set(REFUSALS) & set(WARNINGS)
    assert all(meaning.endswith(".") for meaning in (REFUSALS | WARNINGS).values())


@given(st.integers(0, 999_999_999))
def test_amounts_are_exact(tiyn: int):
    assert parse_amount(f"{tiyn // 100}.{tiyn % 100:02}") == tiyn


@pytest.mark.parametrize(
    "text", ["80,5", "1e2", "08", "0x10", "८०", ".5", "80.", "nan", "10000000"]
)
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(ValueError, match="amount"):
        parse_amount(text)
