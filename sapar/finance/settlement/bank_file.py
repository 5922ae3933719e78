"""Payment orders as files for the bank: 1CClientBankExchange in Windows-1251, and CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from sapar.finance.settlement.payments import Order

_LETTERS: Final = str.maketrans("ӘәҒғҚқҢңӨөҰұҮүҺһ", "АаГгКкНнОоУуУуХх")
"""Kazakh letters that Windows-1251 lacks, as banks write them in Russian ones."""


def tenge(amount_tiyn: int) -> str:
    """Write tiyn as tenge with two digits after the point, exactly."""
    sign, whole = "-" if amount_tiyn < 0 else "", abs(amount_tiyn)
    return f"{sign}{whole // 100}.{whole % 100:02}"


def exchange_file(orders: Sequence[Order], payer_bin: str = "") -> bytes:
    """Write orders as a bank takes them (1CClientBankExchange 1.03, with the Kazakh keys).

    Args:
        orders: in the order in which they are written; all from one account or from several.
        payer_bin: our BIN, where the bank asks for it.
    """
    days = [order.order_date for order in orders]
    rows = [
        "1CClientBankExchange", "ВерсияФормата=1.03", "Кодировка=Windows", "Отправитель=Sapar",
        "Получатель=",
    ]  # fmt: skip
    if days:
        rows += [f"ДатаНачала={min(days):%d.%m.%Y}", f"ДатаКонца={max(days):%d.%m.%Y}"]
    rows += [f"РасчСчет={iban}" for iban in sorted({order.payer_iban for order in orders})]
    rows.append("Документ=Платежное поручение")
    for order in orders:
        rows += [
            "СекцияДокумент=Платежное поручение",
            f"Номер={order.number}",
            f"Дата={order.order_date:%d.%m.%Y}",
            f"Сумма={tenge(order.amount_tiyn)}",
            f"ПлательщикСчет={order.payer_iban}",
            f"ПлательщикНаименование={order.payer_name}",
            f"ПлательщикБИН_ИИН={payer_bin}",
            f"ПолучательСчет={order.payee_iban}",
            f"ПолучательНаименование={order.payee_name}",
            f"ПолучательБИН_ИИН={order.payee_bin}",
            f"ПолучательБИК={order.payee_bic}",
            f"НазначениеПлатежа={order.purpose}",
            "КонецДокумента",
        ]
    rows.append("КонецФайла")
    text = "".join(f"{_one_line(row)}\r\n" for row in rows)
    return text.translate(_LETTERS).encode("cp1251", "replace")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def orders_csv(orders: Sequence[Order]) -> bytes:
    """Write orders as CSV, UTF-8, one a line; amounts in tenge."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow((
        "number", "date", "amount_kzt", "payer_account", "payer_iban", "carrier_id", "payee_name",
        "payee_bin", "payee_iban", "payee_bic", "purpose", "statements",
    ))  # fmt: skip
    for one in orders:
        out.writerow((
            one.number, one.order_date.isoformat(), tenge(one.amount_tiyn), one.payer_account,
            one.payer_iban, one.carrier_id, one.payee_name, one.payee_bin, one.payee_iban,
            one.payee_bic, one.purpose, " ".join(one.statements),
        ))  # fmt: skip
    return file.getvalue().encode()
