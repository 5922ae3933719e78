"""Every error that Sapar raises on purpose, as one tree.

::

    SaparError                 has a code, a message and a hint on what to do next
    ├── BadInput               somebody else's data is wrong: kept, counted, never stops the line
    ├── Refused                a request that is understood and not allowed
    ├── NotFound               the thing that was asked for does not exist
    ├── Unavailable            a part that is needed (database, broker) does not answer; try again
    │   └── ConnectionLost     the broker's connection ended while it was in use
    └── Fault                  our own mistake: report it

Bad data and our own faults are different errors: only a `Fault` is a reason to wake a developer.
"""

from __future__ import annotations


class SaparError(Exception):
    """The root of the tree.

    Attributes:
        code: a stable, machine-readable name in snake case.
        message: one sentence for a person.
        hint: what to do next, or an empty string.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Give the message and, where there is one, the hint on a line of its own."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class BadInput(SaparError):
    """Data from outside that cannot be accepted."""

    default_code = "bad_input"


class Refused(SaparError):
    """A request that is understood and not allowed."""

    default_code = "refused"


class NotFound(SaparError):
    """The thing that was asked for does not exist."""

    default_code = "not_found"


class Unavailable(SaparError):
    """A part that is needed does not answer; the same call may go through later."""

    default_code = "unavailable"


class ConnectionLost(Unavailable):
    """The broker's connection ended while it was in use."""

    default_code = "connection_lost"


class Fault(SaparError):
    """Our own mistake."""

    default_code = "fault"
