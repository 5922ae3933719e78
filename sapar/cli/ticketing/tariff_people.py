"""`sapar ticketing tariff propose`, `approve`, `decline`, `proposals`: two people and a tariff."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.report import reported
from sapar.cli.ticketing import tariff
from sapar.cli.ticketing.tariff import AgencyOption, JsonOption, NoteOption, VersionArgument
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.access.model import Person
    from sapar.core.db import Pool

By = Annotated[str, typer.Option("--by", help="Name of the person, as for signing in.")]
ProposalArgument = Annotated[int, typer.Argument(help="Its number.", metavar="PROPOSAL")]
Force = Annotated[bool, typer.Option("--force", help="Allow a moment that has passed.")]


@tariff.app.command()
def propose(
    version: VersionArgument,
    effective_from: Annotated[
        str,
        typer.Option("--from", help="From when it is to hold, as for `publish`."),
    ],
    by: By,
    note: NoteOption,
    agency: AgencyOption = None,
    force: Force = False,
) -> None:
    """Propose from when a version holds; another person approves it."""
    from sapar.finance.tariffs import proposals
    from sapar.ticketing.tariff.versions import load_draft

    settings = Settings()
    agency_id, now = agency or settings.agency, settings.clock().now()

    async def run(pool: Pool) -> int:
        draft = await load_draft(pool, agency_id, version)
        moment: datetime = tariff.read_moment(effective_from, draft.calendar.zone)
        person = await _person(pool, by)
        return await proposals.propose(
            pool, agency_id, version, moment, note=note, person=person, now=now, force=force
        )

    with reported():
        number = tariff.run_on_pool(settings, run)
    typer.echo(f"proposal {number}: another person approves it")


@tariff.app.command()
def approve(
    proposal: ProposalArgument,
    by: By,
    note: NoteOption,
    agency: AgencyOption = None,
    force: Force = False,
    as_json: JsonOption = False,
) -> None:
    """Approve what another person proposed, which publishes it."""
    settings = Settings()
    with reported():
        done = _decide(settings, agency, proposal, "approved", by, note, force=force)
        tariff.tell_published(settings, agency or settings.agency, done, as_json=as_json)


@tariff.app.command()
def decline(
    proposal: ProposalArgument, by: By, note: NoteOption, agency: AgencyOption = None
) -> None:
    """Decline a proposal; its version stays as it is."""
    with reported():
        _decide(Settings(), agency, proposal, "declined", by, note)
    typer.echo(f"proposal {proposal} is declined")


@tariff.app.command("proposals")
def list_all(agency: AgencyOption = None) -> None:
    """List proposals, the newest first."""
    from sapar.finance.tariffs.proposals import list_proposals

    settings = Settings()
    with reported():
        found = tariff.run_on_pool(
            settings, lambda pool: list_proposals(pool, agency or settings.agency)
        )
    for one in found:
        begins = datetime.fromtimestamp(one.effective_s, settings.clock().now().tzinfo)
        what = f"{one.decision} by {one.decided_by}" if one.decision else "open"
        typer.echo(
            f"{one.proposal_no:>4}  version {one.version_no} from {begins:%Y-%m-%d %H:%M %Z},"
            f" {one.proposed_by}: {what}"
        )


def _decide(
    settings: Settings,
    agency: str | None,
    proposal: int,
    decision: str,
    by: str,
    note: str,
    *,
    force: bool = False,
) -> Any:
    from sapar.finance.tariffs.proposals import decide

    now = settings.clock().now()

    async def run(pool: Pool) -> Any:
        person = await _person(pool, by)
        return await decide(
            pool, agency or settings.agency, proposal, decision,
            note=note, person=person, now=now, force=force,
        )  # fmt: skip

    return tariff.run_on_pool(settings, run)


async def _person(pool: Pool, name: str) -> Person:
    """Give a person by name; which roles it has is asked for where they are needed."""
    from sapar.access.model import Person
    from sapar.access.register import get_by_name

    async with pool.connection() as connection:
        found = await get_by_name(connection, name)
    return Person(found.user_id, found.name, frozenset())
