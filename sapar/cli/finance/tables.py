"""Rows of results as a table or as JSON; amounts in tenge for people, in tiyn for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import typer

from sapar.cli.at_desk import tenge
from sapar.core.errors import BadInput

Column = tuple[str, str]
"""(heading, field); a field in tiyn is shown in tenge."""


def parse_day(text: str | None) -> date | None:
    """Read a day.

    Raises:
        BadInput: it is none.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no day", code="day", hint="As 2026-03-18.") from exc


def show(rows: Sequence[Any], columns: Sequence[Column], empty: str, *, as_json: bool) -> None:
    """Print rows, structs or mappings."""
    import msgspec

    plain = msgspec.to_builtins(rows)
    if as_json:
        typer.echo(json.dumps(plain))
        return
    if not rows:
        if empty:
            typer.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(heading for heading, _ in columns))
    for row in plain:
        table.add_row(*(_text(field, row[field]) for _, field in columns))
    Console().print(table)


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if field.endswith("_tiyn"):
        return tenge(value)
    return value if isinstance(value, str) else json.dumps(value)
