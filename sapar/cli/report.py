"""How commands report what went wrong: one sentence and a hint on standard error, exit status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from sapar.core.errors import Fault, SaparError


@contextmanager
def reported() -> Iterator[None]:
    """Report an error that is raised on purpose and exit; our own faults keep their traceback."""
    try:
        yield
    except Fault:
        raise
    except SaparError as exc:
        typer.echo(str(exc), err=True)
        raise typer.Exit(1) from None
