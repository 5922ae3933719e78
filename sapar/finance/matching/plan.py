"""All rules over all that is open, until nothing more is found. Pure.

The rules come in the order of their evidence. Each looks at all lines and items at once and accepts
what nothing competes with; what competes waits, and no weaker rule takes it. So the order of the
input does not matter, and a second run over what is left finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from sapar.finance.matching import named, windows
from sapar.finance.matching.board import Board
from sapar.finance.matching.model import Expected, Line, MatchingSettings, Plan

_Rule = Callable[[Board], None]
_RULES: tuple[_Rule, ...] = (
    lambda board: named.single(board, tolerant=False),
    lambda board: named.sets(board, tolerant=False),
    lambda board: named.single(board, tolerant=True),
    lambda board: named.sets(board, tolerant=True),
    windows.transfers,
    lambda board: windows.window(board, tolerant=False),
    lambda board: windows.window(board, tolerant=True),
    lambda board: windows.days(board, tolerant=False),
    lambda board: windows.days(board, tolerant=True),
    named.differences,
)
_LAST_RULE: _Rule = windows.late_differences
"""Of what is left when the others find nothing more."""


def plan_matches(
    lines: Iterable[Line],
    items: Iterable[Expected],
    settings: MatchingSettings,
    today: int,
    *,
    twins: Collection[int] = (),
    undone: Mapping[int, Collection[int]] | None = None,
    own: Mapping[str, int] | None = None,
    told: Callable[[int], None] = lambda _found: None,
) -> Plan:
    """Match what is open.

    Args:
        lines: all open lines of an agency, in any order.
        items: all open items, in any order.
        settings: windows and limits.
        today: day of the run.
        twins: lines that equal one which was matched before.
        undone: line → items that a person took from it; they are not put together again.
        own: IBAN → number, of our own bank accounts.
        told: called after each rule with the number of matches so far.
    """
    board = Board(lines, items, settings, today, twins=twins, undone=undone, own=own)
    while True:
        before = len(board.found)
        for rule in _RULES:
            rule(board)
            told(len(board.found))
        if len(board.found) == before:
            _LAST_RULE(board)
        if len(board.found) == before:
            break
        board.next_wave()
    doubled = {
        line.line_no
        for line in board.lines.values()
        if board.is_twin(line)
        and getattr(board.hints.get(line.line_no), "reason", "") != "ambiguous"
    }
    hints = {
        line_no: hint
        for line_no, hint in board.hints.items()
        if line_no in board.lines and line_no not in doubled
    }
    return Plan(board.found, hints, doubled)
