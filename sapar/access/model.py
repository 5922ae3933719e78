"""Roles, what they imply, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal[
    "viewer", "dispatcher", "cashier", "accountant", "chief_accountant", "auditor", "admin"
]
"""What a person may do, in one agency or in all.

* viewer: sees the live state and history, also on a wall screen;
* dispatcher: acts: messages, detours, alarms, riders' reports;
* cashier, accountant, chief_accountant: money, each its own; nobody has one by another role, for
  what one prepares another approves;
* auditor: reads everything, the audit log included, and changes nothing;
* admin: people, keys and settings, and all that is not money.
"""

ROLES: tuple[Role, ...] = get_args(Role)

_IMPLIED: dict[Role, frozenset[Role]] = {
    "dispatcher": frozenset({"viewer"}),
    "auditor": frozenset({"viewer"}),
    "admin": frozenset({"viewer", "dispatcher", "auditor"}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking, as the guard found out.

    Attributes:
        user_id: stands for this person for good, also after the person is ended.
        name: what the person signs in with.
        roles: those that were given for the agency that is asked for, or for all.
        full_name: how others see the person; may be empty.
        language: of the person's pages; empty: the browser's.
        everywhere: those of `roles` that were given for all agencies.
        session_no: the session that the request came with.
        password_temporary: whether the password is still the one that somebody else gave.
        second_factor: whether a code is asked for when signing in.
    """

    user_id: int
    name: str
    roles: frozenset[Role]
    full_name: str = ""
    language: str = ""
    everywhere: frozenset[Role] = frozenset()
    session_no: int = 0
    password_temporary: bool = False
    second_factor: bool = False

    def may(self, *roles: Role) -> bool:
        """Whether the person has one of the roles, given or implied, in the asked agency."""
        return not with_implied(self.roles).isdisjoint(roles)

    def may_everywhere(self, *roles: Role) -> bool:
        """Whether the person has one of the roles in all agencies."""
        return not with_implied(self.everywhere).isdisjoint(roles)


def with_implied(roles: frozenset[Role]) -> frozenset[Role]:
    """Add what roles imply: an admin may all but money, a dispatcher and an auditor also look."""
    return roles.union(*(_IMPLIED.get(role, frozenset()) for role in roles))
