"""`sapar ticketing agents register` and `processors register`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.finance.agent_shared import Agency, AsJson, Day, Name, run_as, show_table
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import Pool
    from sapar.finance.agents.model import Party
    from sapar.finance.agents.parties import Who


def registers_of(party: Party) -> typer.Typer:
    """Make the commands on registers."""
    app = typer.Typer(no_args_is_help=True, help="Daily registers, held against the ledger.")
    _add_import(app, party)
    _add_list(app, party)
    _add_compare(app, party)
    return app


def _add_import(app: typer.Typer, party: Party) -> None:
    @app.command("import")
    def import_(
        name: Name,
        day: Day,
        file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or XLSX.")],
        number: Annotated[str | None, typer.Option("--number", help="The sender's number.")] = None,
        mapping: Annotated[
            Path | None, typer.Option("--mapping", exists=True, help="JSON: how it is read.")
        ] = None,
        keep: Annotated[bool, typer.Option("--keep", help="Keep the mapping for it.")] = False,
        again: Annotated[
            bool, typer.Option("--again", help="Let a file stand again that was corrected since.")
        ] = False,
        agency: Agency = None,
    ) -> None:
        """Take a day's register, whole or not at all; the same file again adds nothing."""
        from sapar.finance.agents.mapping import mapping_of, plain_mapping
        from sapar.finance.agents.parties import keep_mapping
        from sapar.finance.agents.registers import Imported, import_register

        with reported():
            read_by = None if mapping is None else mapping_of(_json(mapping))

        async def work(pool: Pool, agency_id: str, who: Who) -> Imported:
            done = await import_register(
                pool, agency_id, party, name, day.date(), file.read_bytes(), who,
                file_name=file.name, number=number, mapping=read_by, again=again,
            )  # fmt: skip
            if keep and read_by is not None:
                await keep_mapping(pool, agency_id, party, name, plain_mapping(read_by), who)
            return done

        done = run_as(work, agency)
        told = "was here already" if done.repeated else f"has {done.row_count} rows"
        typer.echo(f"register {done.register_no} {told}, {tenge(done.total_tiyn)}")
        if done.standing_no != done.register_no:
            typer.echo(
                f"register {done.standing_no} corrected it and stands for the day;"
                " --again lets this file stand instead"
            )


def _add_list(app: typer.Typer, party: Party) -> None:
    @app.command("list")
    def list_all(
        name: Annotated[str | None, typer.Argument(help="Only of this one.")] = None,
        replaced: Annotated[bool, typer.Option("--all", help="Replaced ones, too.")] = False,
        agency: Agency = None,
        as_json: AsJson = False,
    ) -> None:
        """Show registers, the newest first."""
        from sapar.finance.agents.registers import list_registers

        settings = Settings()
        rows = on_connection(
            settings,
            lambda c: list_registers(
                c, agency or settings.agency, party=party, party_id=name, replaced=replaced
            ),
        )
        names = ("no", "of", "day", "number", "rows", "total_tiyn", "replaced_at", "file")
        table = [
            (
                row.register_no, row.party_id, row.day, row.number, row.row_count, row.total_tiyn,
                row.replaced_at, row.file_name,
            )
            for row in rows
        ]  # fmt: skip
        show_table(names, table, "There are no registers.", as_json=as_json)


def _add_compare(app: typer.Typer, party: Party) -> None:
    @app.command("compare")
    def compare(name: Name, day: Day, agency: Agency = None, as_json: AsJson = False) -> None:
        """Hold a day's register against the ledger and the bank; ends with 1 when they differ."""
        import msgspec

        from sapar.finance.agents.reconcile import compare_day

        settings = Settings()
        found = on_connection(
            settings,
            lambda c: compare_day(c, agency or settings.agency, party, name, day.date()),
        )
        if as_json:
            typer.echo(msgspec.json.encode(found).decode())
        else:
            typer.echo(
                f"{found.number}: {found.agreed} of {found.rows} rows agree; register"
                f" {tenge(found.register_tiyn)}, ledger {tenge(found.ledger_tiyn)}; the bank should"
                f" show {tenge(found.expected_tiyn)}, {tenge(found.open_tiyn)} are open"
            )
            names = ("what", "line", "reference", "key", "register_tiyn", "ledger_tiyn", "why")
            rows = [
                (
                    one.code, one.line, one.reference, one.key, one.register_tiyn,
                    one.ledger_tiyn, one.detail,
                )
                for one in found.differences
            ]  # fmt: skip
            show_table(names, rows, "Nothing differs.", as_json=False)
        if found.differences:
            raise typer.Exit(1)


def _json(path: Path) -> object:
    from sapar.core.errors import BadInput

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BadInput(f"{path} cannot be read: {exc}", code="register_mapping") from None
