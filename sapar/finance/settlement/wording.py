"""What documents say, in Kazakh, Russian and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["kk", "ru", "en"]

WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "statement": (
        "Өзара есеп айырысуларды салыстырып тексеру актісі",
        "Акт сверки взаимных расчётов",
        "Statement of settlement",
    ),
    "claim": (
        "Жеңілдіктер бойынша шығындарды өтеуге өтінім",
        "Заявка на возмещение затрат на льготный проезд",
        "Claim for reimbursement of concessions",
    ),
    "number": ("№", "№", "No."),
    "draft": ("ЖОБА", "ПРОЕКТ", "DRAFT"),
    "part": ("бөлім", "часть", "part"),
    "agency": ("Оператор", "Оператор", "Operator"),
    "carrier": ("Тасымалдаушы", "Перевозчик", "Carrier"),
    "funder": ("Бюджет", "Бюджет", "Budget"),
    "contract": ("Шарт", "Договор", "Contract"),
    "period": ("Кезең", "Период", "Period"),
    "total": ("Жиыны", "Итого", "Total"),
    "summary": ("Қорытынды", "Свод", "Summary"),
    "block": ("Бөлім", "Раздел", "Section"),
    "service_date": ("Қызмет күні", "Дата поездок", "Service date"),
    "business_date": ("Есеп күні", "Учётная дата", "Business date"),
    "boardings": ("Отырғызу", "Посадки", "Boardings"),
    "gross": ("Жол ақысы, теңге", "Оплата проезда, тенге", "Fares, tenge"),
    "commission": ("Комиссия, теңге", "Комиссия, тенге", "Commission, tenge"),
    "city": ("Қалаға, теңге", "Городу, тенге", "To the city, tenge"),
    "payable": ("Тасымалдаушыға, теңге", "Перевозчику, тенге", "To the carrier, tenge"),
    "km": ("Километр", "Километры", "Kilometres"),
    "from_fares": ("Жол ақысынан, теңге", "Из выручки, тенге", "From fares, tenge"),
    "from_budget": ("Бюджеттен, теңге", "Из бюджета, тенге", "From the budget, tenge"),
    "fares": ("Жол ақысы", "Оплата проезда", "Fares"),
    "late": ("Кеш түскен сапарлар", "Поездки, поступившие позже закрытия дня", "Late rides"),
    "refunds": ("Қайтарулар мен түзетулер", "Возвраты и исправления", "Refunds and corrections"),
    "pass_pool": ("Абонементтер", "Абонементы", "Passes"),
    "production": ("Орындалған жұмыс", "Выполненная работа", "Production"),
    "boardings_pay": ("Отырғызу үшін төлем", "Оплата за посадки", "Pay for boardings"),
    "clawback": (
        "Төленгеннен кейінгі қайтарулар",
        "Возвраты после расчёта",
        "Refunds after settlement",
    ),
    "hold": ("Даулы сома ұсталды", "Удержано до решения", "On hold"),
    "release": ("Даудан босатылды", "Освобождено", "Released"),
    "concession": ("Жеңілдікті сапарлар", "Льготные поездки", "Concessions"),
    "category": ("Санат", "Категория", "Category"),
    "product": ("Тариф", "Тариф", "Fare"),
    "difference": ("Айырма, теңге", "Разница, тенге", "Difference, tenge"),
    "amount": ("Сома, теңге", "Сумма, тенге", "Amount, tenge"),
    "dispute": ("Дау", "Спор", "Dispute"),
    "operator_signs": (
        "Оператор: ____________________",
        "Оператор: ____________________",
        "Operator: ____________________",
    ),
    "carrier_signs": (
        "Тасымалдаушы: ____________________",
        "Перевозчик: ____________________",
        "Carrier: ____________________",
    ),
    "funder_signs": (
        "Бюджет әкімшісі: ____________________",
        "Администратор бюджета: ____________________",
        "Budget administrator: ____________________",
    ),
}
"""By key: Kazakh, Russian, English."""

_PLACES: Final = {"kk": 0, "ru": 1, "en": 2}


def word(key: str, language: Language) -> str:
    """Give a word of `WORDS`."""
    return WORDS[key][_PLACES[language]]


def decimal_mark(language: Language) -> str:
    """Give what stands before decimals."""
    return "." if language == "en" else ","
