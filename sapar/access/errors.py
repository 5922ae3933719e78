"""Refusals of this part that have an HTTP status of their own."""

from __future__ import annotations

from sapar.core.errors import Refused


class NotSignedIn(Refused):
    """Nobody has signed in, or the session has ended."""

    default_code = "sign_in_first"


class TooSoon(Refused):
    """Too many tries.

    Attributes:
        wait_s: seconds until the next try is heard.
    """

    default_code = "too_many_tries"

    def __init__(
        self, message: str, wait_s: float, *, code: str | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.wait_s = wait_s
