"""`sapar ticketing agents` and `processors`: terms, registers, what they owe, the daily job."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.at_desk import on_connection, tenge
from sapar.cli.finance.agent_registers import registers_of
from sapar.cli.finance.agent_shared import Agency, AsJson, Day, Name, Reason, run_as, show_table
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.finance.agents.model import AgentTerms, Party, ProcessorTerms, Terms

agents = typer.Typer(no_args_is_help=True, help="Top-up agents: limits, commission, deposits.")
processors = typer.Typer(no_args_is_help=True, help="Processors: fees, payouts.")

Since = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today if not.")
]
Bin = Annotated[str | None, typer.Option("--bin", help="Business number, 12 digits.")]
Iban = Annotated[str | None, typer.Option("--iban", help="Its bank account.")]
Account = Annotated[str | None, typer.Option("--account", help="Our bank account it pays into.")]
DueH = Annotated[
    int | None, typer.Option("--register-due", help="Hours after the day; none: no registers.")
]
Start = Annotated[str, typer.Option("--register-start", help="Local time its day begins.")]
Kind = Annotated[bool, typer.Option("--prepaid/--postpaid", help="Sells what it has paid in.")]
Limit = Annotated[
    str | None, typer.Option("--limit", help="Tenge that it may owe; `none` for our own desks.")
]
Bp = Annotated[int, typer.Option("--commission-bp", help="Of each sale, in 1/100 %.")]
Least = Annotated[str, typer.Option("--commission-least", help="Tenge, of each sale.")]
Most = Annotated[str | None, typer.Option("--commission-most", help="Tenge, of each sale.")]
Netted = Annotated[bool, typer.Option("--netted", help="It keeps the commission.")]
DueDays = Annotated[int, typer.Option("--due-days", help="Days until the deposit.")]
FeeBp = Annotated[int, typer.Option("--fee-bp", help="Of a day's sum, in 1/100 %.")]
FeeFixed = Annotated[str, typer.Option("--fee-fixed", help="Tenge for each transaction.")]
PayoutDays = Annotated[int, typer.Option("--payout-days", help="Days until the payout.")]


def _tiyn(text: str | None) -> int | None:
    from sapar.finance.bank.values import amount

    return None if text is None else amount(text, None)


def _start(text: str) -> time:
    from sapar.core.errors import BadInput

    try:
        return time.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no time: 04:00", code="time") from None


def _since(since: datetime | None) -> date:
    return (since or Settings().clock().now()).date()


def _agent_terms(
    since: datetime | None,
    prepaid: bool,
    limit: str | None,
    commission: tuple[int, str, str | None, bool],
    due_days: int,
    register: tuple[int | None, str],
    bank: tuple[str | None, str | None, str | None],
) -> AgentTerms:
    from sapar.core.errors import BadInput
    from sapar.finance.agents.model import AgentTerms

    if not prepaid and limit is None:
        raise BadInput("a postpaid agent has a limit", hint="--limit 500000, or --limit none")
    share, least, most, netted = commission
    return AgentTerms(
        from_date=_since(since),
        kind="prepaid" if prepaid else "postpaid",
        credit_limit_tiyn=None if prepaid or limit == "none" else _tiyn(limit),
        commission_bp=share,
        commission_least_tiyn=_tiyn(least) or 0,
        commission_most_tiyn=_tiyn(most),
        netted=netted,
        due_days=due_days,
        register_due_h=register[0],
        register_start=_start(register[1]),
        bin=bank[0],
        iban=bank[1],
        bank_account_id=bank[2],
    )


def _processor_terms(
    since: datetime | None,
    fee: tuple[int, str],
    payout_days: int,
    register: tuple[int | None, str],
    bank: tuple[str | None, str | None, str | None],
) -> ProcessorTerms:
    from sapar.finance.agents.model import ProcessorTerms

    return ProcessorTerms(
        from_date=_since(since),
        fee_bp=fee[0],
        fee_fixed_tiyn=_tiyn(fee[1]) or 0,
        payout_days=payout_days,
        register_due_h=register[0],
        register_start=_start(register[1]),
        bin=bank[0],
        iban=bank[1],
        bank_account_id=bank[2],
    )


def _add(party_id: str, name: str, terms: Terms, agency: str | None) -> None:
    from sapar.finance.agents.parties import add_party

    run_as(
        lambda pool, agency_id, who: add_party(pool, agency_id, party_id, name, terms, who), agency
    )
    typer.echo(f"{party_id} is registered")


def _agree(party_id: str, terms: Terms, reason: str, agency: str | None) -> None:
    from sapar.finance.agents.parties import agree_terms

    number = run_as(
        lambda pool, agency_id, who: agree_terms(
            pool, agency_id, party_id, terms, who, reason=reason
        ),
        agency,
    )
    typer.echo(f"terms {number} of {party_id} hold from {terms.from_date}")


@agents.command("add")
def add_agent(
    agent: Name,
    name: Annotated[str, typer.Argument(help="As people call it.")],
    prepaid: Kind = False,
    limit: Limit = None,
    commission_bp: Bp = 0,
    least: Least = "0",
    most: Most = None,
    netted: Netted = False,
    due_days: DueDays = 1,
    register_due: DueH = None,
    register_start: Start = "04:00",
    bin_: Bin = None,
    iban: Iban = None,
    account: Account = None,
    since: Since = None,
    agency: Agency = None,
) -> None:
    """Register an agent with its first terms."""
    with reported():
        terms = _agent_terms(
            since, prepaid, limit, (commission_bp, least, most, netted), due_days,
            (register_due, register_start), (bin_, iban, account),
        )  # fmt: skip
    _add(agent, name, terms, agency)


@agents.command("terms")
def agree_agent_terms(
    agent: Name,
    prepaid: Kind = False,
    limit: Limit = None,
    commission_bp: Bp = 0,
    least: Least = "0",
    most: Most = None,
    netted: Netted = False,
    due_days: DueDays = 1,
    register_due: DueH = None,
    register_start: Start = "04:00",
    bin_: Bin = None,
    iban: Iban = None,
    account: Account = None,
    since: Since = None,
    reason: Reason = "",
    agency: Agency = None,
) -> None:
    """Agree on other terms, named in full, from today or a later day on."""
    with reported():
        terms = _agent_terms(
            since, prepaid, limit, (commission_bp, least, most, netted), due_days,
            (register_due, register_start), (bin_, iban, account),
        )  # fmt: skip
    _agree(agent, terms, reason, agency)


@processors.command("add")
def add_processor(
    processor: Name,
    name: Annotated[str, typer.Argument(help="As people call it.")],
    fee_bp: FeeBp = 0,
    fee_fixed: FeeFixed = "0",
    payout_days: PayoutDays = 1,
    register_due: DueH = None,
    register_start: Start = "04:00",
    bin_: Bin = None,
    iban: Iban = None,
    account: Account = None,
    since: Since = None,
    agency: Agency = None,
) -> None:
    """Register a processor with its first terms."""
    with reported():
        terms = _processor_terms(
            since, (fee_bp, fee_fixed), payout_days, (register_due, register_start),
            (bin_, iban, account),
        )  # fmt: skip
    _add(processor, name, terms, agency)


@processors.command("terms")
def agree_processor_terms(
    processor: Name,
    fee_bp: FeeBp = 0,
    fee_fixed: FeeFixed = "0",
    payout_days: PayoutDays = 1,
    register_due: DueH = None,
    register_start: Start = "04:00",
    bin_: Bin = None,
    iban: Iban = None,
    account: Account = None,
    since: Since = None,
    reason: Reason = "",
    agency: Agency = None,
) -> None:
    """Agree on other terms, named in full, from today or a later day on."""
    with reported():
        terms = _processor_terms(
            since, (fee_bp, fee_fixed), payout_days, (register_due, register_start),
            (bin_, iban, account),
        )  # fmt: skip
    _agree(processor, terms, reason, agency)


@agents.command("require")
def require(
    known: Annotated[bool, typer.Argument(help="true: only registered ones take money.")],
    agency: Agency = None,
) -> None:
    """Say whether money is taken through registered agents and processors alone."""
    from sapar.finance.agents.parties import require_known

    run_as(lambda pool, agency_id, who: require_known(pool, agency_id, known, who), agency)
    typer.echo("only registered agents sell" if known else "whoever is named may sell")


@agents.command("deposit")
def deposit(
    agent: Name,
    amount: Annotated[str, typer.Argument(help="Tenge.")],
    key: Annotated[str, typer.Option("--key", help="The same key again adds nothing.")],
    reference: Annotated[str, typer.Option("--reference", help="What stands on it.")] = "",
    agency: Agency = None,
) -> None:
    """Expect a prepaid agent's deposit; it may be spent when a statement shows it."""
    from sapar.finance.agents.deposits import expect_deposit

    with reported():
        tiyn = _tiyn(amount) or 0
    item_no = run_as(
        lambda pool, agency_id, who: expect_deposit(
            pool, agency_id, agent, tiyn, who, key=key, reference=reference
        ),
        agency,
    )
    typer.echo(f"item {item_no}: {tenge(tiyn)} are expected")


@agents.command("day")
def close_day(day: Day, agency: Agency = None, as_json: AsJson = False) -> None:
    """Net commission, make items and compare registers of a day; again, only what is new."""
    import msgspec

    from sapar.finance.agents.day import close_agents_day

    done = run_as(
        lambda pool, agency_id, who: close_agents_day(
            pool, agency_id, day.date(), who.now, who.actor
        ),
        agency,
    )
    if as_json:
        typer.echo(msgspec.json.encode(done).decode())
        return
    typer.echo(
        f"{day.date()}: {len(done.nettings)} nettings, {len(done.items)} items;"
        f" {done.differences} sales differ, {done.registers_missing} registers are missing,"
        f" {done.unpaid} items are overdue"
    )


def _share(app: typer.Typer, party: Party) -> None:
    """Add the commands that agents and processors have in common."""

    @app.command("list")
    def list_all(agency: Agency = None, as_json: AsJson = False) -> None:
        """Show all, with what each owes and how old it is."""
        from sapar.finance.agents.books import list_agents, list_processors

        settings = Settings()
        read = list_agents if party == "agent" else list_processors
        rows = on_connection(
            settings, lambda c: read(c, agency or settings.agency, now=settings.clock().now())
        )
        names = (
            "id", "kind", "status", "owes_tiyn", "paid_in_tiyn", "limit_tiyn", "0_1_tiyn",
            "2_7_tiyn", "8_30_tiyn", "over_30_tiyn", "overdue_tiyn", "oldest_unpaid",
        )  # fmt: skip
        table = [
            (
                row.id, row.kind, row.status, row.balance_tiyn, row.deposit_tiyn, row.limit_tiyn,
                row.ageing.days_0_1, row.ageing.days_2_7, row.ageing.days_8_30,
                row.ageing.days_over_30, row.overdue_tiyn, row.oldest_unpaid,
            )
            for row in rows
        ]  # fmt: skip
        show_table(names, table, f"There are no {party}s.", as_json=as_json)

    @app.command("show")
    def show(name: Name, agency: Agency = None) -> None:
        """Print one with all that was agreed, as JSON."""
        import msgspec

        from sapar.finance.agents.books import get_agent, get_processor

        settings = Settings()
        read = get_agent if party == "agent" else get_processor
        detail = on_connection(
            settings, lambda c: read(c, agency or settings.agency, name, now=settings.clock().now())
        )
        typer.echo(msgspec.json.format(msgspec.json.encode(detail), indent=2))

    _add_status(app, party)
    _add_statement(app, party)
    app.add_typer(registers_of(party), name="register")


def _add_status(app: typer.Typer, party: Party) -> None:
    @app.command("suspend")
    def suspend(name: Name, reason: Reason, agency: Agency = None) -> None:
        """Refuse every sale of it from now on."""
        _set_status(name, "suspended", reason, agency)

    @app.command("resume")
    def resume(name: Name, reason: Reason = "", agency: Agency = None) -> None:
        """Let it sell again."""
        _set_status(name, "active", reason, agency)

    def _set_status(name: str, status: Any, reason: str, agency: str | None) -> None:
        from sapar.finance.agents.parties import set_status

        run_as(
            lambda pool, agency_id, who: set_status(
                pool, agency_id, party, name, status, who, reason=reason
            ),
            agency,
        )
        typer.echo(f"{name} is {status}")


def _add_statement(app: typer.Typer, party: Party) -> None:
    @app.command("statement")
    def statement(
        name: Name, first: Day, last: Day, agency: Agency = None, as_json: AsJson = False
    ) -> None:
        """Show what moved in a period, by business day, with totals."""
        from sapar.finance.agents.books import read_statement

        settings = Settings()
        found = on_connection(
            settings,
            lambda c: read_statement(
                c, agency or settings.agency, party, name, first.date(), last.date()
            ),
        )
        names = ("day", "sold", "taken_back", "netted", "paid", "other", "moved", "balance")
        rows = [[getattr(row, one) for one in names] for row in [*found.rows, found.totals]]
        columns = ["day", *(f"{one}_tiyn" for one in names[1:])]
        if not as_json:
            typer.echo(f"opening {tenge(found.opening_tiyn)}")
        show_table(columns, rows, "Nothing moved.", as_json=as_json)


_share(agents, "agent")
_share(processors, "processor")
