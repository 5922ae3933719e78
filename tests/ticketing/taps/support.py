"""A town with validators, cards and a tariff; taps for it; and what they leave behind."""

from zoneinfo import ZoneInfo

from sapar.contract.messages import Tap
from sapar.contract.seal import digest_of_tap
from sapar.core.clock import ManualClock
from sapar.core.db import connect
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.liability import load_liabilities
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.post import Tools
from sapar.ticketing.taps.carriers import Carriers, Service
from sapar.ticketing.tariff.city import city_tariff
from sapar.ticketing.tariff.reader import read_tariff
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.types import TapIn

AGENCY = "town"
NOON_MS = 1_773_817_200_000  # 2026-03-18, 12:00 in Aqtobe
ALWAYS = (-(10**15), 10**15)
CATEGORIES = ("adult", "pupil", "pensioner")  # of cards c1, c2, c3, c4 (adult again), …


def make_town(conninfo: str, devices: int = 4, cards: int = 12) -> list[DeviceEntry]:
    """Make the agency, validators v1, v2, …, carriers green and blue, and cards c1, c2, …."""
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('town', 'Town', 'Asia/Aqtobe')"
        )
        rows = connection.execute(
            "INSERT INTO device (agency_id, device_id, kind, password_hash)"
            " SELECT 'town', 'v' || n, 'validator', 'x' FROM generate_series(1, %s) n"
            " RETURNING device_no, device_id",
            (devices,),
        ).fetchall()
        connection.execute(
            "INSERT INTO carrier (agency_id, carrier_id, name)"
            " VALUES ('town', 'green', 'Green'), ('town', 'blue', 'Blue')"
        )
        connection.execute(
            "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
            " SELECT 'town', 'c' || n, 'active', (%s::text[])[1 + (n - 1) %% 3], '2020-01-01Z'"
            " FROM generate_series(1, %s) n",
            (list(CATEGORIES), cards),
        )
    return [DeviceEntry(no, AGENCY, name, "validator") for no, name in sorted(rows)]


def make_tools(conninfo: str, **tariff) -> Tools:
    """What posts taps: the city's tariff (80 tenge), bus b1 of green, bus b2 of blue."""
    zone = ZoneInfo("Asia/Aqtobe")
    version = read_tariff(
        city_tariff(**{"double_debit_window_s": 60, **tariff}), zone=zone, version_no=1
    )
    tariffs = Tariffs([(0, version)], zone)
    with connect(conninfo) as connection:
        rows = connection.execute("SELECT carrier_id, carrier_no FROM carrier").fetchall()
    numbers = dict(rows)
    carriers = Carriers(
        {number: name for name, number in numbers.items()},
        {
            (AGENCY, "b1"): [Service(numbers["green"], *ALWAYS)],
            (AGENCY, "b2"): [Service(numbers["blue"], *ALWAYS)],
        },
        {},
    )
    return Tools(
        ManualClock(NOON_MS / 1000 + 86400),
        Accounts(conninfo),
        lambda _: tariffs,
        lambda: carriers,
        load_liabilities,
        activate_pending,
    )


def tap_of(
    device: DeviceEntry,
    seq: int,
    card: str,
    minute: float = 0.0,
    *,
    sealed: str | None = None,
    vehicle: str = "b1",
    **fields,
) -> TapIn:
    """A tap of a card, minutes after noon."""
    values = {"epoch": 1, "time_ms": NOON_MS + round(minute * 60_000), **fields}
    tap = Tap(seq=seq, card_ref=card, **values)
    named = digest_of_tap(device.agency_id, device.device_id, tap)
    return TapIn(device, tap, named, b"{}", sealed, vehicle, tap.time_ms + 1000)


_STATE = {
    "taps": """
        SELECT d.device_id, t.epoch, t.seq, encode(t.digest, 'hex'), t.status, t.code,
               t.event_at, t.service_date, t.product_id, t.rider_category, t.nominal_tiyn,
               t.charged_tiyn, t.adjustments
        FROM tap t JOIN device d USING (device_no) ORDER BY 1, 2, 3, 4""",
    "entries": """
        SELECT d.device_id, t.epoch, t.seq, encode(t.digest, 'hex'),
               coalesce(c.card_ref || '/' || (e.account_no & 7), a.code || '/' || a.owner),
               sum(e.amount)
        FROM entry e JOIN tap t USING (tap_no) JOIN device d USING (device_no)
        LEFT JOIN card c ON e.account_no > 0 AND c.card_no = e.account_no >> 3
        LEFT JOIN account a ON a.account_no = e.account_no
        GROUP BY 1, 2, 3, 4, 5 HAVING sum(e.amount) <> 0 ORDER BY 1, 2, 3, 4, 5""",
    "cards": "SELECT card_ref, status, purse_tiyn, debt_tiyn FROM card ORDER BY 1",
    "accounts": "SELECT code, owner, balance FROM account WHERE balance <> 0 ORDER BY 1, 2",
    "gaps": "SELECT device_no, epoch, from_seq, to_seq FROM tap_gap ORDER BY 1, 2, 3",
    "sequences": "SELECT * FROM tap_sequence ORDER BY 1, 2",
    "exceptions": """
        SELECT e.kind, d.device_id, t.epoch, t.seq, encode(t.digest, 'hex')
        FROM ticketing_exception e JOIN tap t USING (tap_no)
        JOIN device d ON d.device_no = t.device_no
        WHERE e.closed_at IS NULL ORDER BY 1, 2, 3, 4, 5""",
}


def state_of(conninfo: str) -> dict[str, list]:
    """All that must not depend on the order of arrival."""
    with connect(conninfo) as connection:
        return {name: connection.execute(query).fetchall() for name, query in _STATE.items()}


def taps_of(conninfo: str) -> dict:
    """(Device, seq) → status, code, charged and adjustments; the versions of a conflict as a list."""
    found: dict = {}
    for row in state_of(conninfo)["taps"]:
        found.setdefault((row[0], row[2]), []).append((row[4], row[5], row[11], row[12]))
    return {key: rows[0] if len(rows) == 1 else sorted(rows) for key, rows in found.items()}
