"""`sapar ticketing tariff`: check tariffs, store drafts, try them on stored taps, publish them."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import typer

from sapar.cli.report import reported
from sapar.cli.ticketing.judge import judge_again_since
from sapar.core.errors import BadInput
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import Pool
    from sapar.ticketing.pricing.dry_run import DryRun
    from sapar.ticketing.tariff.findings import TariffFinding
    from sapar.ticketing.tariff.model import Tariff
    from sapar.ticketing.tariff.versions import Publication

T = TypeVar("T")

app = typer.Typer(help="Tariffs: check, try, publish.", no_args_is_help=True)

ZipArgument = Annotated[Path, typer.Argument(help="Zip of the tariff's files.", metavar="ZIP")]
AgencyOption = Annotated[
    str | None,
    typer.Option("--agency", help="Agency of the deployment; SAPAR_AGENCY if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
VersionArgument = Annotated[int, typer.Argument(help="Number of the version.", metavar="VERSION")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; it is kept.")]


@app.command()
def check(
    zip_path: ZipArgument,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of a tariff that names none.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a tariff without a database; exit with 1 when it cannot price."""
    from sapar.ticketing.tariff import check_tariff
    from sapar.ticketing.tariff.findings import TariffRefused

    with reported():
        data, zone = _read(zip_path), _zone(timezone) if timezone else None
        try:
            read = check_tariff(data, zone=zone)
        except TariffRefused as exc:
            if not as_json:
                raise
            _print_json({"ok": False, "findings": [found.to_json() for found in exc.findings]})
            raise typer.Exit(1) from None
    if as_json:
        warnings = [found.to_json() for found in read.warnings]
        _print_json({"ok": True, **_summary(read.tariff), "warnings": warnings})
        return
    _show(read.tariff, read.warnings)


@app.command()
def draft(zip_path: ZipArgument, agency: AgencyOption = None, as_json: JsonOption = False) -> None:
    """Store a tariff as a draft, which prices nothing yet."""
    from sapar.ticketing.tariff.versions import store_draft

    settings = Settings()
    agency_id = agency or settings.agency
    now = settings.clock().now()
    with reported():
        data = _read(zip_path)
        stored = run_on_pool(
            settings, lambda pool: store_draft(pool, agency_id, data, now=now, actor=_actor())
        )
    if as_json:
        warnings = [found.to_json() for found in stored.warnings]
        _print_json(
            {
                "ok": True,
                "agency": agency_id,
                "version": stored.version_no,
                "new": stored.is_new,
                **_summary(stored.tariff),
                "warnings": warnings,
            }
        )
        return
    _show(stored.tariff, stored.warnings)
    state = "stored as" if stored.is_new else "these files are already"
    typer.echo(f"{state} version {stored.version_no} of {agency_id}")


@app.command()
def publish(
    version: VersionArgument,
    effective_from: Annotated[
        str,
        typer.Option(
            "--from", help="From when it holds: 2026-12-01T04:00, local unless it has an offset."
        ),
    ],
    alone: Annotated[
        bool, typer.Option("--alone", help="The agency's first tariff, approved by nobody.")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why alone; it is kept.")] = None,
    agency: AgencyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Allow a moment that has passed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let the first version of an agency hold from a moment on, alone and for a reason.

    Every other one comes into force by two people: `propose`, and `approve` by another.
    """
    from sapar.ticketing.tariff.versions import load_draft
    from sapar.ticketing.tariff.versions import publish as publish_version

    settings = Settings()
    agency_id = agency or settings.agency
    now = settings.clock().now()

    async def run(pool: Pool) -> Any:
        tariff = await load_draft(pool, agency_id, version)
        moment = read_moment(effective_from, tariff.calendar.zone)
        return await publish_version(
            pool, agency_id, version, moment,
            now=now, actor=_actor(), force=force, alone=reason if alone else None,
        )  # fmt: skip

    with reported():
        if alone and not (reason or "").strip():
            raise BadInput("say with --reason why nobody else approves it", code="no_reason")
        tell_published(settings, agency_id, run_on_pool(settings, run), as_json=as_json)


def tell_published(settings: Settings, agency_id: str, done: Publication, *, as_json: bool) -> None:
    """Judge taps again where a version holds from a moment that has passed, and tell what is so."""
    journals = 0
    if done.is_past:
        journals = judge_again_since(settings, agency_id, done.effective_from, done.until)
    if as_json:
        _print_json(
            {
                "ok": True,
                "agency": agency_id,
                "version": done.version_no,
                "effective_from": done.effective_from.isoformat(),
                "until": done.until.isoformat() if done.until else None,
                "past": done.is_past,
                "journals": journals,
            }
        )
        return
    until = f" until {done.until.isoformat()}" if done.until else ""
    begins = done.effective_from.isoformat()
    typer.echo(f"version {done.version_no} of {agency_id} holds from {begins}{until}")
    if done.is_past:
        text = f"that has passed: taps since then were judged again, {journals} journals posted"
        typer.echo(text, err=True)


@app.command()
def withdraw(version: VersionArgument, note: NoteOption, agency: AgencyOption = None) -> None:
    """Make a version that does not hold yet a draft again."""
    from sapar.finance.tariffs.proposals import take_back

    settings = Settings()
    agency_id = agency or settings.agency
    now = settings.clock().now()
    with reported():
        if not note.strip():
            raise BadInput("say with --note why it is taken back", code="no_reason")
        run_on_pool(
            settings,
            lambda pool: take_back(
                pool, agency_id, version, note=note, actor=_actor(), user_id=None, now=now
            ),
        )
    typer.echo(f"version {version} of {agency_id} is a draft")


@app.command("list")
def list_all(agency: AgencyOption = None, as_json: JsonOption = False) -> None:
    """List versions, of one agency or of all: published ones in order, drafts last."""
    from sapar.ticketing.tariff.versions import list_versions

    settings = Settings()
    now = settings.clock().now()
    with reported():
        versions = run_on_pool(settings, lambda pool: list_versions(pool, agency))
    if as_json:
        _print_json({"ok": True, "versions": versions})
        return
    for version in versions:
        begins = version["effective_from"]
        state = "draft" if begins is None else f"from {begins:%Y-%m-%d %H:%M %Z}"
        mark = "*" if begins is not None and begins <= now else " "
        typer.echo(
            f"{mark} {version['agency_id']} {version['version_no']:>3}  {version['name']}  {state}"
            f"  stored {version['created_at']:%Y-%m-%d %H:%M} by {version['created_by']}"
        )


@app.command()
def export(
    version: VersionArgument,
    to: Annotated[Path, typer.Option("--to", help="File to write.")],
    agency: AgencyOption = None,
) -> None:
    """Write a version's zip to a file, byte for byte as it was stored."""
    from sapar.ticketing.tariff.versions import get_zip

    settings = Settings()
    agency_id = agency or settings.agency
    with reported():
        data = run_on_pool(settings, lambda pool: get_zip(pool, agency_id, version))
        to.write_bytes(data)
    typer.echo(f"{to}: {len(data):,} bytes")


@app.command()
def example(
    to: Annotated[Path, typer.Option("--to", help="File to write.")],
    name: Annotated[str, typer.Option(help="Name of the tariff.")] = "City tariff",
    timezone: Annotated[str, typer.Option(help="Its time zone.")] = "Asia/Aqtobe",
) -> None:
    """Write a city's tariff to begin with: the files are a zip of CSV."""
    from sapar.ticketing.tariff import city_tariff

    with reported():
        to.write_bytes(city_tariff(name, timezone=_zone(timezone).key))
    typer.echo(str(to))


@app.command("dry-run")
def dry_run(
    version: Annotated[
        int | None, typer.Argument(help="Number of a stored version.", metavar="VERSION")
    ] = None,
    zip_path: Annotated[
        Path | None, typer.Option("--zip", help="Files that are not stored instead.")
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Fare day; yesterday if not given."),
    ] = None,
    agency: AgencyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Price a day's stored taps under a draft, and show what it would have changed."""
    from sapar.cli.ticketing.tariff_table import print_dry_run
    from sapar.ticketing.pricing.dry_run import dry_run as run_dry
    from sapar.ticketing.tariff import read_tariff
    from sapar.ticketing.tariff.versions import agency_zone, load_draft

    settings = Settings()
    agency_id = agency or settings.agency
    now_ms = round(settings.clock().time() * 1000)

    async def run(pool: Pool) -> DryRun:
        if zip_path is not None:
            tariff = read_tariff(_read(zip_path), zone=await agency_zone(pool, agency_id))
        elif version is not None:
            tariff = await load_draft(pool, agency_id, version)
        else:
            raise BadInput("name a stored version, or give --zip")
        yesterday = tariff.calendar.fare_day(now_ms) - timedelta(days=1)
        return await run_dry(pool, agency_id, tariff, day.date() if day else yesterday, _progress)

    with reported():
        result = run_on_pool(settings, run)
    if as_json:
        _print_json({"ok": True, "agency": agency_id, **result.to_json()})
        return
    print_dry_run(result)


def _progress(taps: int) -> None:
    typer.echo(f"{taps:,} taps", err=True)


def _show(tariff: Tariff, warnings: list[TariffFinding]) -> None:
    for name, value in _summary(tariff).items():
        typer.echo(f"{name.replace('_', ' '):<16}{value}")
    for found in warnings:
        typer.echo(f"warning {found}")


def _summary(tariff: Tariff) -> dict[str, Any]:
    return {
        "name": tariff.name,
        "timezone": tariff.calendar.zone.key,
        "digest": tariff.digest,
        "categories": len(tariff.categories),
        "media": len(tariff.media),
        "products": len(tariff.prices),
        "routes": len(tariff.route_networks),
        "transfer_rules": sum(len(rules) for rules in tariff.transfers.values()),
        "caps": len(tariff.caps),
        "free_days": len(tariff.free_days),
        "passes": len(tariff.passes),
    }


def run_on_pool(settings: Settings, work: Callable[[Pool], Coroutine[Any, Any, T]]) -> T:
    """Run `work` with a pool on the database."""
    from sapar.core.db import open_pool

    async def run() -> T:
        async with open_pool(settings.database_url.get_secret_value(), name="tariff") as pool:
            return await work(pool)

    return asyncio.run(run())


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise BadInput(f"{path} is not a file")
    return path.read_bytes()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as exc:
        raise BadInput(f"{name!r} is not a time zone") from exc


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a moment, local unless it has an offset.

    Raises:
        BadInput: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is not a moment like 2026-12-01T04:00") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _actor() -> str:
    """Give who runs the command, for the record."""
    return getpass.getuser()


def _print_json(value: dict[str, Any]) -> None:
    # moments are the only values that are not JSON's own
    typer.echo(json.dumps(value, ensure_ascii=False, default=_iso))


def _iso(value: date) -> str:
    return value.isoformat()
