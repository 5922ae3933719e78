"""Files that finance receives of a day: the bank's statement and the registers of sellers. Pure.

The statement is 1CClientBankExchange 1.03 in the Windows encoding with Kazakh letters, as banks
give it; a register is CSV with semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Final, NamedTuple

from sapar.simulators.business_day import Sale

_LETTERS: Final = {chr(ord("A") + number): str(10 + number) for number in range(26)}


class BankLine(NamedTuple):
    """A line of a statement; a receipt is positive, `other_` is whoever is not us."""

    amount_tiyn: int
    number: str
    other_name: str
    other_bin: str
    other_iban: str
    purpose: str


class OwnAccount(NamedTuple):
    """The account that a statement is of, and its holder."""

    iban: str
    name: str
    bin: str


def make_iban(rest: str) -> str:
    """Give the Kazakh IBAN of bank and account, with its two check digits (ISO 13616)."""
    if re.fullmatch("[0-9A-Z]{16}", rest) is None:
        raise ValueError("a Kazakh IBAN has 16 letters or digits after the check digits")
    digits = "".join(_LETTERS.get(sign, sign) for sign in f"{rest}KZ00")
    return f"KZ{98 - int(digits) % 97:02}{rest}"


def write_statement(
    own: OwnAccount, first: date, last: date, opening_tiyn: int, lines: Sequence[BankLine]
) -> bytes:
    """Write a statement whose lines are booked on its last day."""
    receipts = sum(line.amount_tiyn for line in lines if line.amount_tiyn > 0)
    payments = -sum(line.amount_tiyn for line in lines if line.amount_tiyn < 0)
    span = [f"ДатаНачала={_day(first)}", f"ДатаКонца={_day(last)}"]
    rows = [
        "1CClientBankExchange", "ВерсияФормата=1.03", "Кодировка=Windows", "Отправитель=Банк",
        "Получатель=Бухгалтерия", *span, f"РасчСчет={own.iban}", "СекцияРасчСчет", *span,
        f"РасчСчет={own.iban}", f"НачальныйОстаток={_tenge(opening_tiyn)}",
        f"ВсегоПоступило={_tenge(receipts)}", f"ВсегоСписано={_tenge(payments)}",
        f"КонечныйОстаток={_tenge(opening_tiyn + receipts - payments)}", "КонецРасчСчет",
    ]  # fmt: skip
    for line in lines:
        rows += _document(own, last, line)
    return "\r\n".join([*rows, "КонецФайла", ""]).encode("kz1048")


def _document(own: OwnAccount, day: date, line: BankLine) -> list[str]:
    ours = (own.name, own.bin, own.iban)
    other = (line.other_name, line.other_bin, line.other_iban)
    gone = line.amount_tiyn < 0
    payer, payee = (ours, other) if gone else (other, ours)
    return [
        "СекцияДокумент=Платежное поручение", f"Номер={line.number}", f"Дата={_day(day)}",
        f"Сумма={_tenge(abs(line.amount_tiyn))}", f"ПлательщикСчет={payer[2]}",
        f"ДатаСписано={_day(day) if gone else ''}", f"Плательщик={payer[0]}",
        f"ПлательщикИНН={payer[1]}", f"ПолучательСчет={payee[2]}",
        f"ДатаПоступило={'' if gone else _day(day)}", f"Получатель={payee[0]}",
        f"ПолучательИНН={payee[1]}", f"НазначениеПлатежа={line.purpose}", "КонецДокумента",
    ]  # fmt: skip


def write_register(sales: Iterable[Sale], zone: tzinfo) -> bytes:
    """Write a seller's list of its sales, with local times and a total."""
    rows, total = ["reference;time;amount;status"], 0
    for sale in sales:
        at = datetime.fromtimestamp(sale.at_ms / 1000, zone)
        total += sale.amount_tiyn
        rows.append(f"{sale.reference};{at:%Y-%m-%dT%H:%M:%S};{_tenge(sale.amount_tiyn)};done")
    rows.append(f"total;;{_tenge(total)};")
    return ("\r\n".join(rows) + "\r\n").encode()


def _tenge(tiyn: int) -> str:
    return f"{'-' * (tiyn < 0)}{abs(tiyn) // 100}.{abs(tiyn) % 100:02}"


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"
