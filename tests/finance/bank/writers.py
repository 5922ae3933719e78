"""Statements as banks write them: in each of the five formats. Pure.

What a format cannot hold is left out: `readable` says what comes back of a statement.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from xml.sax.saxutils import escape

from openpyxl import Workbook

from sapar.finance.bank.mapping import Columns, Place
from sapar.finance.bank.mapping import Mapping as TableMapping
from sapar.finance.bank.model import Format, Line, Statement

OWN_NAME = "ТОО «Қала көлігі»"
OWN_BIN = "050140000656"

_COLUMNS = {
    "date": "Дата операции", "value_date": "Дата валютирования", "reference": "№ документа",
    "counterparty_name": "Наименование контрагента", "counterparty_bin": "БИН/ИИН",
    "counterparty_iban": "ИИК", "bank_reference": "Референс", "purpose": "Назначение платежа",
}  # fmt: skip


def _mapping(columns: Columns) -> TableMapping:
    return TableMapping(
        columns=columns, account=Place(label="Счет"), from_date=Place(label="С даты"),
        to_date=Place(label="По дату"), opening=Place(label="Входящий остаток"),
        closing=Place(label="Исходящий остаток"),
    )  # fmt: skip


CSV_MAPPING = _mapping(Columns(amount="Сумма", **_COLUMNS))
"""How `write_csv` is read: one signed amount."""
XLSX_MAPPING = _mapping(Columns(debit="Дебет", credit="Кредит", **_COLUMNS))
"""How `write_xlsx` is read: debit and credit."""


def tenge(tiyn: int, mark: str = ".") -> str:
    sign = "-" if tiyn < 0 else ""
    return f"{sign}{abs(tiyn) // 100}{mark}{abs(tiyn) % 100:02}"


def _day(day: date | None) -> str:
    return "" if day is None else f"{day:%d.%m.%Y}"


def write_1c(
    statements: Statement | Sequence[Statement], *, dialect: str = "1.03", encoding: str = "kz1048"
) -> bytes:
    """Write 1CClientBankExchange; dialect `kz` is what Kazakh banks write."""
    parts = [statements] if isinstance(statements, Statement) else list(statements)
    first, last = min(p.from_date for p in parts), max(p.to_date for p in parts)
    version = {"1.03": "1.03", "kz": "2.00"}[dialect]
    coded = {"kz1048": "Windows", "utf-8": "UTF-8"}.get(encoding, "Windows")
    rows = [
        "1CClientBankExchange", f"ВерсияФормата={version}", f"Кодировка={coded}",
        "Отправитель=Банк", "Получатель=Бухгалтерия", f"ДатаНачала={_day(first)}",
        f"ДатаКонца={_day(last)}", *(f"РасчСчет={part.account}" for part in parts),
    ]  # fmt: skip
    for part in parts:
        rows += [
            "СекцияРасчСчет", f"ДатаНачала={_day(part.from_date)}",
            f"ДатаКонца={_day(part.to_date)}", f"РасчСчет={part.account}",
            f"НачальныйОстаток={tenge(part.opening_tiyn)}",
            f"ВсегоПоступило={tenge(sum(x.amount_tiyn for x in part.lines if x.amount_tiyn > 0))}",
            f"ВсегоСписано={tenge(-sum(x.amount_tiyn for x in part.lines if x.amount_tiyn < 0))}",
            f"КонечныйОстаток={tenge(part.closing_tiyn)}", "КонецРасчСчет",
        ]  # fmt: skip
    write = _document if dialect == "1.03" else _kazakh_document
    for part in parts:
        for line in part.lines:
            rows += write(part.account, line)
    return "\r\n".join([*rows, "КонецФайла", ""]).encode(encoding)


def _sides(account: str, line: Line) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Payer and payee, each as (name, BIN, account)."""
    own = (OWN_NAME, OWN_BIN, account)
    other = (line.counterparty_name, line.counterparty_bin or "", line.counterparty_iban or "")
    return (own, other) if line.amount_tiyn < 0 else (other, own)


def _document(account: str, line: Line) -> list[str]:
    payer, payee = _sides(account, line)
    gone = line.amount_tiyn < 0
    return [
        "СекцияДокумент=Платежное поручение", f"Номер={line.reference}",
        f"Дата={_day(line.booked_on)}", f"Сумма={tenge(abs(line.amount_tiyn))}",
        f"ПлательщикСчет={payer[2]}", f"ДатаСписано={_day(line.booked_on) if gone else ''}",
        f"Плательщик={payer[0]}", f"ПлательщикИНН={payer[1]}", f"ПолучательСчет={payee[2]}",
        f"ДатаПоступило={'' if gone else _day(line.booked_on)}", f"Получатель={payee[0]}",
        f"ПолучательИНН={payee[1]}", f"ДатаВалютирования={_day(line.value_on)}",
        f"Референс={line.bank_reference}", f"НазначениеПлатежа={line.purpose}",
        "КонецДокумента",
    ]  # fmt: skip


def _kazakh_document(account: str, line: Line) -> list[str]:
    payer, payee = _sides(account, line)
    moved = "СуммаРасход" if line.amount_tiyn < 0 else "СуммаПриход"
    return [
        "СЕКЦИЯДОКУМЕНТ=выписка", f"НомерДокумента={line.reference}",
        f"ДатаДокумента={_day(line.booked_on)}", "ВидДокумента=Платежное поручение",
        f"ПолучательНаименование={payee[0]}", f"ПолучательБИН_ИИН={payee[1]}",
        f"ПолучательИИК={payee[2]}", f"ПлательщикНаименование={payer[0]}",
        f"ПлательщикБИН_ИИН={payer[1]}", f"ПлательщикИИК={payer[2]}",
        f"{moved}={tenge(abs(line.amount_tiyn))}", f"ДатаОперации={_day(line.booked_on)}",
        f"ДатаВалютирования={_day(line.value_on)}", f"Референс={line.bank_reference}",
        f"НазначениеПлатежа={line.purpose}", "КодНазначенияПлатежа=859", "КОНЕЦДОКУМЕНТА",
    ]  # fmt: skip


def table_rows(statement: Statement, *, split: bool, mark: str = ",") -> list[list[str]]:
    """The rows of a table: balances above, a total below."""
    names = list(_COLUMNS.values())
    amounts = ["Дебет", "Кредит"] if split else ["Сумма"]
    rows = [
        ["Выписка по счету"], ["Счет", statement.account], ["С даты", _day(statement.from_date)],
        ["По дату", _day(statement.to_date)],
        ["Входящий остаток:", tenge(statement.opening_tiyn, mark)],
        [], [*names[:2], *amounts, *names[2:]],
    ]  # fmt: skip
    for line in statement.lines:
        moved = tenge(abs(line.amount_tiyn) if split else line.amount_tiyn, mark)
        cells = [moved] if not split else ([moved, ""] if line.amount_tiyn < 0 else ["", moved])
        rows.append([
            _day(line.booked_on), _day(line.value_on), *cells, line.reference,
            line.counterparty_name, line.counterparty_bin or "", line.counterparty_iban or "",
            line.bank_reference, line.purpose,
        ])  # fmt: skip
    total = tenge(sum(line.amount_tiyn for line in statement.lines), mark)
    return [
        *rows, ["Итого", "", total], ["Исходящий остаток:", tenge(statement.closing_tiyn, mark)]
    ]  # fmt: skip


def write_csv(
    statement: Statement, *, split: bool = False, delimiter: str = ";", encoding: str = "utf-8"
) -> bytes:
    """Write a CSV file; read it by CSV_MAPPING, with `split` by XLSX_MAPPING."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(table_rows(statement, split=split))
    return text.getvalue().encode(encoding)


def write_xlsx(statement: Statement, *, split: bool = True) -> bytes:
    """Write a workbook with amounts as numbers, as Excel does; read it by XLSX_MAPPING."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Выписка")
    for row in table_rows(statement, split=split, mark="."):
        sheet.append([
            float(cell) if re.fullmatch(r"-?[0-9]{1,11}\.[0-9]{2}", cell) else cell or None
            for cell in row
        ])  # fmt: skip
    out = io.BytesIO()
    book.save(out)
    return _timeless(out.getvalue())


def _timeless(workbook: bytes) -> bytes:
    """The same workbook whenever it is written: without the times of its making."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"[0-9-]{10}T[0-9:]{8}Z", b"2026-01-01T00:00:00Z", part)
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def write_camt(
    statements: Statement | Sequence[Statement],
    *,
    version: int = 2,
    batches: Mapping[int, int] | None = None,
) -> bytes:
    """Write CAMT.053.001.<version>; `batches`: place of a line → how many from it on are one entry.

    The lines of a batch have one day, and the batch's sum is not 0.
    """
    parts = [statements] if isinstance(statements, Statement) else list(statements)
    body = "".join(_stmt(part, version, batches or {}) for part in parts)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02}">\n'
        "<BkToCstmrStmt>\n<GrpHdr><MsgId>1</MsgId><CreDtTm>2026-03-31T20:00:00+05:00</CreDtTm>"
        f"</GrpHdr>\n{body}</BkToCstmrStmt>\n</Document>\n"
    ).encode()


def _money(tiyn: int, currency: str) -> str:
    mark = "DBIT" if tiyn < 0 else "CRDT"
    return (
        f'<Amt Ccy="{currency}">{tenge(abs(tiyn))}</Amt><CdtDbtInd>{mark}</CdtDbtInd>'
    )  # fmt: skip


def _stmt(part: Statement, version: int, batches: Mapping[int, int]) -> str:
    entries, place = [], 0
    while place < len(part.lines):
        count = batches.get(place, 1)
        entries.append(_entry(part, part.lines[place : place + count], version))
        place += count
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f"{_money(tiyn, part.currency)}<Dt><Dt>{on}</Dt></Dt></Bal>\n"
        for code, tiyn, on in (
            ("OPBD", part.opening_tiyn, part.from_date), ("CLBD", part.closing_tiyn, part.to_date)
        )
    )  # fmt: skip
    ends = part.to_date + timedelta(days=1)
    return (
        f"<Stmt><Id>{part.to_date}</Id><FrToDt><FrDtTm>{part.from_date}T00:00:00+05:00</FrDtTm>"
        f"<ToDtTm>{ends}T00:00:00+05:00</ToDtTm></FrToDt>\n"
        f"<Acct><Id><IBAN>{part.account}</IBAN></Id><Ccy>{part.currency}</Ccy></Acct>\n"
        f"{balances}{''.join(entries)}</Stmt>\n"
    )


def _entry(part: Statement, lines: Sequence[Line], version: int) -> str:
    first = lines[0]
    total = sum(line.amount_tiyn for line in lines)
    status = "<Cd>BOOK</Cd>" if version >= 8 else "BOOK"
    valued = f"<ValDt><Dt>{first.value_on}</Dt></ValDt>" if first.value_on else ""
    details = "\n".join(
        _details(part, line, version, amount=len(lines) > 1 or version >= 8) for line in lines
    )
    return (
        f"<Ntry>{_money(total, part.currency)}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{first.booked_on}</Dt></BookgDt>{valued}"
        f"<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>\n<NtryDtls>\n{details}\n</NtryDtls></Ntry>\n"
    )


def _details(part: Statement, line: Line, version: int, *, amount: bool) -> str:
    payer, payee = _sides(part.account, line)
    parties = ""
    for role, (name, number, iban) in (("Dbtr", payer), ("Cdtr", payee)):
        identity = f"<Id><OrgId><Othr><Id>{number}</Id></Othr></OrgId></Id>" if number else ""
        inner = f"{f'<Nm>{escape(name)}</Nm>' if name else ''}{identity}"
        wrapped = f"<Pty>{inner}</Pty>" if version >= 8 else inner
        parties += f"<{role}>{wrapped}</{role}>" if inner else ""
        parties += f"<{role}Acct><Id><IBAN>{iban}</IBAN></Id></{role}Acct>" if iban else ""
    own = f"<AcctSvcrRef>{escape(line.bank_reference)}</AcctSvcrRef>" if line.bank_reference else ""
    given = escape(line.reference or "NOTPROVIDED")
    purpose = f"<RmtInf><Ustrd>{escape(line.purpose)}</Ustrd></RmtInf>" if line.purpose else ""
    return (
        f"<TxDtls><Refs>{own}<EndToEndId>{given}</EndToEndId></Refs>"
        f"{_money(line.amount_tiyn, part.currency) if amount else ''}"
        f"<RltdPties>{parties}</RltdPties>{purpose}</TxDtls>"
    )


def write_mt940(statements: Statement | Sequence[Statement], *, encoding: str = "utf-8") -> bytes:
    """Write MT940, with the code words of Kazakh payment messages in field :86:."""
    parts = [statements] if isinstance(statements, Statement) else list(statements)
    rows = []
    for number, part in enumerate(parts, start=1):
        rows += [
            "{1:F01CASPKZKAXXXX0000000000}{2:O9400000260331}{4:", f":20:ST{number}",
            f":25:{part.account}", f":28C:{number}/1",
            f":60F:{_balance(part.opening_tiyn, part.from_date, part.currency)}",
        ]  # fmt: skip
        for line in part.lines:
            rows += _fields(line)
        rows += [
            f":62F:{_balance(part.closing_tiyn, part.to_date, part.currency)}",
            "-}",
        ]
    return "\r\n".join([*rows, ""]).encode(encoding)


def _balance(tiyn: int, on: date, currency: str) -> str:
    return f"{_mark(tiyn)}{on:%y%m%d}{currency}{tenge(abs(tiyn), ',')}"


def _mark(tiyn: int) -> str:
    return "D" if tiyn < 0 else "C"


def _fields(line: Line) -> list[str]:
    valued = line.value_on or line.booked_on
    of_bank = f"//{line.bank_reference}" if line.bank_reference else ""
    words = (
        ("NUM", line.reference), ("NAME", line.counterparty_name),
        ("IDN", line.counterparty_bin), ("ACC", line.counterparty_iban), ("ASSIGN", line.purpose),
    )  # fmt: skip
    text = "".join(f"/{word}/{value}" for word, value in words if value)
    days = f"{valued:%y%m%d}{line.booked_on:%m%d}"
    moved = f"{_mark(line.amount_tiyn)}{tenge(abs(line.amount_tiyn), ',')}"
    rows = [f":61:{days}{moved}NTRFNONREF{of_bank}"]
    wrapped = [text[at : at + 65] for at in range(0, len(text), 65)] or [""]
    return [*rows, f":86:{wrapped[0]}", *wrapped[1:]]


WRITERS: Mapping[Format, Callable[[Statement], bytes]] = {
    "1c": write_1c, "csv": write_csv, "xlsx": write_xlsx, "camt053": write_camt,
    "mt940": write_mt940,
}  # fmt: skip


def readable(statement: Statement, form: Format) -> Statement:
    """What comes back of a statement that is written in a format.

    MT940 has no first day of its own (its lines say it), and always a value date.
    """
    if form != "mt940":
        return statement
    lines = tuple(replace(one, value_on=one.value_on or one.booked_on) for one in statement.lines)
    first = min((line.booked_on for line in lines), default=statement.to_date)
    return replace(statement, lines=lines, from_date=first)
