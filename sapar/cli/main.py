"""The command `sapar` with all its sub-commands."""

from __future__ import annotations

from typing import Annotated

import typer

from sapar.cli import agencies, city, depots, devices, gtfs, history, people
from sapar.cli.adapter import wialon_gateway
from sapar.cli.api import api
from sapar.cli.bench import command as bench
from sapar.cli.broker import broker_config, broker_sync
from sapar.cli.demo.command import demo
from sapar.cli.desk import desk
from sapar.cli.engine import engine
from sapar.cli.evaluate import evaluate
from sapar.cli.evaluate_day import evaluate_day
from sapar.cli.ingest import ingest
from sapar.cli.process import raise_file_limit
from sapar.cli.replay import replay
from sapar.cli.report import reported
from sapar.cli.simulate import simulate
from sapar.cli.ticketing import app as ticketing

app = typer.Typer(
    name="sapar",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Transit telematics and ticketing for a city's bus fleet.",
)
app.add_typer(agencies.app, name="agencies")
app.add_typer(devices.app, name="devices")
app.add_typer(depots.app, name="depots")
app.add_typer(gtfs.app, name="gtfs")
app.add_typer(city.app, name="city")
app.add_typer(people.users, name="users")
app.add_typer(people.keys, name="keys")
app.add_typer(bench.app, name="bench")
app.add_typer(history.app, name="history")
app.add_typer(ticketing, name="ticketing")
for command in (demo, ingest, engine, api, desk, simulate, replay, evaluate):
    app.command()(command)
app.command("evaluate-day")(evaluate_day)
app.command("broker-sync")(broker_sync)
app.command("broker-config")(broker_config)
app.command("wialon-gateway")(wialon_gateway)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from sapar.core.db import migrate as apply_migrations
    from sapar.core.settings import Settings

    with reported():
        applied = apply_migrations(Settings().database_url.get_secret_value())
    typer.echo("\n".join(applied) if applied else "the schema is current")


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option(help="Print the table of docs/settings.md.")] = False,
) -> None:
    """Show every setting: its environment variable, its value now, its default, what it means."""
    from rich.console import Console
    from rich.table import Table

    from sapar.core.settings import Settings, settings_markdown

    if markdown:
        typer.echo(settings_markdown(), nl=False)
        return
    now = Settings()
    table = Table("variable", "value", "default", "meaning")
    for name, field in Settings.model_fields.items():
        value, default = str(getattr(now, name)), str(field.get_default())
        table.add_row(f"SAPAR_{name.upper()}", value, default, field.description or "")
    Console().print(table)


def main() -> None:
    """Run the command line."""
    raise_file_limit()
    app()


if __name__ == "__main__":
    main()
