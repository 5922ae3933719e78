"""`sapar gtfs`: check timetables, import them, and switch between versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sapar.core.errors import SaparError
from sapar.core.settings import Settings

app = typer.Typer(help="Timetables: check, import, switch.", no_args_is_help=True)

ZipArgument = Annotated[Path, typer.Argument(help="GTFS zip.", metavar="ZIP")]
AgencyOption = Annotated[
    str | None,
    typer.Option("--agency", help="Agency of the deployment; SAPAR_AGENCY if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
VersionArgument = Annotated[int, typer.Argument(help="Number of the version.", metavar="VERSION")]


@app.command("check")
def check(zip_path: ZipArgument, as_json: JsonOption = False) -> None:
    """Judge a zip without a database; exit with 1 when it cannot be run."""
    from sapar.gtfs.importer import check_feed

    with _errors(as_json):
        settings = Settings()
        checked = check_feed(zip_path, settings.agency, settings.clock().now())
    warnings = [notice.to_json() for notice in checked.warnings]
    if as_json:
        _print_json({"ok": True, **checked.summary(), "warnings": warnings})
        return
    _print_summary(checked.summary())
    _print_warnings(warnings)


@app.command("import")
def import_zip(
    zip_path: ZipArgument,
    agency: AgencyOption = None,
    activate: Annotated[
        bool, typer.Option("--activate/--no-activate", help="Switch to it, or only store it.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Load a zip beside the versions there are, show what changes, and switch to it."""
    from sapar.core.db import connect
    from sapar.gtfs.importer import check_feed, import_feed

    with _errors(as_json):
        settings = Settings()
        now = settings.clock().now()
        _progress(f"reading {zip_path}")
        checked = check_feed(zip_path, agency or settings.agency, now)
        with connect(_conninfo(settings), autocommit=True) as connection:
            result = import_feed(
                connection, checked, activate=activate, now=now, progress=_progress
            )
    warnings = [notice.to_json() for notice in checked.warnings]
    changes = result.diff.to_json() if result.diff else None
    if as_json:
        _print_json(
            {
                "ok": True,
                "agency": checked.timetable.agency_id,
                "version": result.version_no,
                "new": result.is_new,
                "active": result.is_active,
                **checked.summary(),
                "changes": changes,
                "warnings": warnings,
            }
        )
        return
    _print_summary(checked.summary())
    _print_warnings(warnings)
    if result.diff is not None:
        _print_changes(result.diff.to_json())
    state = "active" if result.is_active else "not active"
    if result.is_new:
        typer.echo(f"imported as version {result.version_no}, {state}")
    else:
        typer.echo(f"this zip is version {result.version_no} already, {state}; nothing imported")


@app.command("list")
def list_all(agency: AgencyOption = None, as_json: JsonOption = False) -> None:
    """List versions, of one agency or of all."""
    from sapar.core.db import connect
    from sapar.gtfs.importer import list_versions

    with _errors(as_json), connect(_conninfo(Settings())) as connection:
        versions = list_versions(connection, agency)
    if as_json:
        _print_json({"ok": True, "versions": versions})
        return
    for version in versions:
        mark = "*" if version["active"] else " "
        summary = version["summary"]
        typer.echo(
            f"{mark} {version['agency_id']} {version['version_no']:>3}  {version['feed_version']}"
            f"  {summary['dates']}  {summary['trips']:,} trips"
            f"  imported {version['imported_at']:%Y-%m-%d %H:%M}"
        )


@app.command("activate")
def activate(
    version: VersionArgument, agency: AgencyOption = None, as_json: JsonOption = False
) -> None:
    """Switch to a version that is stored, for example back to the last one."""
    from sapar.core.db import connect
    from sapar.gtfs.importer import activate_version

    with _errors(as_json):
        settings = Settings()
        agency_id = agency or settings.agency
        with connect(_conninfo(settings), autocommit=True) as connection:
            now = settings.clock().now()
            switched = activate_version(connection, agency_id, version, now=now)
    if as_json:
        _print_json({"ok": True, "agency": agency_id, "version": version, "switched": switched})
    else:
        state = "is now active" if switched else "is active already"
        typer.echo(f"version {version} of {agency_id} {state}")


@app.command("drop")
def drop(
    version: VersionArgument, agency: AgencyOption = None, as_json: JsonOption = False
) -> None:
    """Delete a version that is not active."""
    from sapar.core.db import connect
    from sapar.gtfs.importer import drop_version

    with _errors(as_json):
        settings = Settings()
        agency_id = agency or settings.agency
        with connect(_conninfo(settings), autocommit=True) as connection:
            drop_version(connection, agency_id, version)
    if as_json:
        _print_json({"ok": True, "agency": agency_id, "version": version})
    else:
        typer.echo(f"version {version} of {agency_id} is deleted")


def _conninfo(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Print an error that Sapar raises on purpose, and exit with 1."""
    try:
        yield
    except SaparError as exc:
        _fail(exc, as_json)


def _fail(error: SaparError, as_json: bool) -> NoReturn:
    from sapar.gtfs.static import FeedRefused

    if as_json:
        refusals = error.notices if isinstance(error, FeedRefused) else []
        _print_json(
            {
                "ok": False,
                "code": error.code,
                "message": error.message,
                "refusals": [notice.to_json() for notice in refusals],
            }
        )
    else:
        typer.echo(str(error), err=True)
    raise typer.Exit(1)


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _print_json(value: object) -> None:
    # dates are the only values that are not JSON's own
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def _print_summary(summary: dict[str, object]) -> None:
    for name, value in summary.items():
        shown = f"{value:,}" if isinstance(value, int) else str(value)
        typer.echo(f"{name.replace('_', ' '):<14}{shown}")


def _print_warnings(warnings: list[dict[str, object]]) -> None:
    for warning in warnings:
        place = " ".join(str(warning[key]) for key in ("file", "field") if warning[key])
        typer.echo(f"warning {warning['code']}: {warning['count']} in {place or 'the zip'}")
        examples = warning["examples"]
        if isinstance(examples, list):
            for example in examples[:2]:
                row = f"row {example['row']}: " if example["row"] else ""
                typer.echo(f"    {row}{example['reason']}")


def _print_changes(changes: dict[str, object]) -> None:
    for name, change in changes.items():
        if name == "dates" or not isinstance(change, dict):
            typer.echo(f"dates: {change}")
            continue
        counts = ", ".join(f"{part['count']:,} {kind}" for kind, part in change.items())
        typer.echo(f"{name}: {counts}")
