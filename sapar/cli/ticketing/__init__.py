"""`sapar ticketing`: tariffs, cards, taps, the ledger."""

from __future__ import annotations

import typer

from sapar.cli.ticketing import cards, controls, ledger, tariff
from sapar.cli.ticketing.judge import judge
from sapar.cli.ticketing.move_in import move_in
from sapar.cli.ticketing.pins import pin
from sapar.cli.ticketing.run import run

app = typer.Typer(no_args_is_help=True, help="Tariffs, cards, taps, the ledger.")
app.add_typer(tariff.app, name="tariff")
cards.app.command("pin")(pin)
app.add_typer(cards.app, name="cards")
app.add_typer(controls.gaps_app, name="gaps")
app.add_typer(controls.exceptions_app, name="exceptions")
app.add_typer(ledger.chain, name="chain")
for command in (run, judge, controls.controls, ledger.check, ledger.verify):
    app.command()(command)
app.command("export")(ledger.export_ledger)
app.command("publish")(cards.publish)
app.command("move-in")(move_in)
