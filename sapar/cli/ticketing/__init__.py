"""`sapar ticketing`: tariffs, cards, taps, the ledger."""

from __future__ import annotations

import typer

from sapar.cli.finance import (
    agents,
    bank,
    claims,
    close,
    desks,
    exceptions,
    match,
    open_data,
    settle,
    shifts,
)
from sapar.cli.ticketing import cards, controls, ledger, tariff
from sapar.cli.ticketing import tariff_people as _tariff_people  # noqa: F401 - adds its commands
from sapar.cli.ticketing.held import prove, rule
from sapar.cli.ticketing.judge import judge
from sapar.cli.ticketing.move_in import move_in
from sapar.cli.ticketing.pins import pin
from sapar.cli.ticketing.run import run

app = typer.Typer(no_args_is_help=True, help="Tariffs, cards, taps, the ledger.")
app.add_typer(tariff.app, name="tariff")
cards.app.command("pin")(pin)
app.add_typer(cards.app, name="cards")
app.add_typer(controls.gaps_app, name="gaps")
app.add_typer(exceptions.app, name="exceptions")
app.add_typer(shifts.app, name="shifts")
app.add_typer(bank.app, name="bank")
app.add_typer(match.app, name="match")
app.add_typer(close.app, name="close")
app.add_typer(settle.app, name="settle")
app.add_typer(claims.app, name="claims")
app.add_typer(open_data.app, name="open-data")
app.add_typer(agents.agents, name="agents")
app.add_typer(agents.processors, name="processors")
app.add_typer(desks.app, name="desks")
app.add_typer(ledger.chain, name="chain")
for command in (run, judge, prove, rule, controls.controls, ledger.check, ledger.verify):
    app.command()(command)
app.command("export")(ledger.export_ledger)
app.command("publish")(cards.publish)
app.command("move-in")(move_in)
