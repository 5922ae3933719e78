"""`sapar evaluate`: how good the engine's predictions are over a recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sapar.cli.report import reported

if TYPE_CHECKING:
    from sapar.cli.evaluation import EvaluateOptions


def evaluate(
    gtfs: Annotated[Path, typer.Option("--gtfs", help="GTFS zip.")],
    positions: Annotated[
        Path, typer.Option("--positions", help="The recording, see docs/simulators.md.")
    ],
    history: Annotated[
        list[Path] | None,
        typer.Option("--history", help="Earlier recording to learn from, not scored; repeatable."),
    ] = None,
    blank: Annotated[
        str, typer.Option(help="Columns that the engine is not shown: trip_id,block_id, say.")
    ] = "",
    predictions: Annotated[
        Path | None, typer.Option(help="Write the sampled predictions here, CSV or .csv.gz.")
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Validate the feeds every 60 s.")
    ] = True,
    step_s: Annotated[
        float, typer.Option(min=1.0, max=60.0, help="Seconds of the recording between two ticks.")
    ] = 5.0,
    minutes: Annotated[
        float | None, typer.Option(min=1.0, help="Only the recording's first so many minutes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON.")] = False,
) -> None:
    """Play a recording through the engine, as fast as it goes, and score what it predicted.

    What is scored, and how, is in docs/evaluation.md.
    """
    from sapar.cli.evaluation import EvaluateOptions

    columns = tuple(name.strip() for name in blank.split(",") if name.strip())
    options = EvaluateOptions(
        gtfs, positions, tuple(history or ()), columns, predictions, validate, step_s, minutes
    )
    with reported():
        report = _run(options)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _show(report)


def _run(options: EvaluateOptions) -> dict[str, Any]:
    """Evaluate, with a progress bar on a terminal's error stream."""
    from rich.console import Console
    from rich.progress import Progress

    from sapar.cli.evaluation import run_evaluation

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        return run_evaluation(options, progress)


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    methods = report["eta"]
    table = Table("score", *methods)

    def row(name: str, values: list[float | None], form: str) -> None:
        table.add_row(name, *("" if value is None else format(value, form) for value in values))

    scores = list(methods.values())
    for number, bucket in enumerate(scores[0]["buckets"]):
        shares = [score["buckets"][number]["share"] for score in scores]
        row(f"accurate, {bucket['minutes']} min", shares, ".1%")
    for name, key, form in (
        ("overall", "overall", ".1%"),
        ("overall without never came", "overall_without_never_came", ".1%"),
        ("never came", "never_came_share", ".1%"),
        ("mean error, s", "mae_s", ".0f"),
        ("median error, s", "median_abs_s", ".0f"),
        ("bias, s (late is positive)", "bias_s", "+.0f"),
        ("within the 80 % interval", "interval_80_coverage", ".1%"),
    ):
        row(name, [score.get(key) for score in scores], form)
    console.print(table)
    coverage = ", ".join(
        f"{minutes} min before {share:.1%}" for minutes, share in scores[0]["coverage_at"].items()
    )
    console.print(f"coverage of {scores[0]['passages']:,} arrivals: {coverage}")
    console.print(
        f"{report['vehicles']:,} vehicles, {report['positions']:,} positions,"
        f" {report['positions_per_s']:,.0f} a second; {report['matched_share']:.1%} on a run,"
        f" found after {report['assignment_s_p50']} s (median)"
    )
    errors = report["validator_errors_by_rule"]
    if errors is not None:
        listed = ", ".join(f"{rule} {number}" for rule, number in errors.items())
        console.print(f"errors in the feeds: {listed or 'none'}")
