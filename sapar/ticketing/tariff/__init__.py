"""Tariffs as data: a zip of CSV files with GTFS-Fares v2 names, checked and made ready to price.

Comes in: a zip. Goes out: a `Tariff`, or `TariffRefused` with every finding; `Tariffs`, the
published versions of an agency by the time from which each holds.
"""

from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.tariff.city import city_tariff, write_tariff
from sapar.ticketing.tariff.findings import TariffFinding, TariffRefused
from sapar.ticketing.tariff.model import PassProduct, Tariff
from sapar.ticketing.tariff.reader import ReadTariff, check_tariff, read_tariff
from sapar.ticketing.tariff.tariffs import Tariffs

__all__ = [
    "FareCalendar",
    "PassProduct",
    "ReadTariff",
    "Tariff",
    "TariffFinding",
    "TariffRefused",
    "Tariffs",
    "check_tariff",
    "city_tariff",
    "read_tariff",
    "write_tariff",
]
