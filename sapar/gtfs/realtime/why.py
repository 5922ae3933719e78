"""Why a bus is on its run or on none: a code with values, and the same as an English sentence.

Pages say it in their own languages, by code and values; logs and reports in English.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Values = dict[str, str | float]

_BY = {
    "signed": "signed on to trip {trip}",
    "block": "by its block on trip {trip}",
    "fit": "best fit is trip {trip}",
    "dispatch": "put on by dispatch on trip {trip}",
}
_TIMING = {
    "on_time": "on time",
    "late": "{minutes} min late",
    "early": "{minutes} min early",
}
_WORDS = {
    # with a run; the values tell by what it was found: `by` and `trip`
    "waits": "{found}: waits {off_m} m from its first stop",
    "coming": "{found}: on its way, {off_m} m from its first stop",
    "on_line": "{found}: {off_m} m from its line, path fits {fit:.2f}, {timing}",
    # without one
    "not_placed": "not yet placed",
    "no_fit": "no trip fits where it is and was",
    "run_by": "trip {trip} is run by {bus}",
    "taken_over": "its trip was taken over by {bus}",
    "finished": "finished trip {trip}",
    "left_line": "left the line of trip {trip}: {off_m} m off it",
    "too_late": "too late to be on trip {trip}",
    "silent": "silent since trip {trip}",
    "silent_idle": "silent for long, and without a trip before",
    "dispatch_gave": "dispatch gave its trip to {bus}",
    "dispatch_moves": "dispatch puts it on another run",
    "dispatch_ends": "no longer on the run that dispatch gave it",
    "new_timetable": "the new timetable changed trip {trip}",
}

CODES = tuple(_WORDS)
"""All codes that there are."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason.

    Attributes:
        code: one of `CODES`.
        values: what the sentence names: `trip` and `bus` (ids), `off_m`; for buses on a run `by`
            (signed, block, fit or dispatch) and, on the line, `fit` (0 to 1), `timing` (on_time,
            late or early) and `minutes`.
    """

    code: str
    values: Values = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in English."""
        words = dict(self.values)
        if "by" in words:
            words["found"] = _BY[str(words["by"])].format_map(words)
        if "timing" in words:
            words["timing"] = _TIMING[str(words["timing"])].format_map(words)
        return _WORDS[self.code].format_map(words)


def reason(code: str, **values: str | float) -> Reason:
    """Make a reason; the names of the values are those of `Reason`."""
    return Reason(code, values)


NOT_PLACED = Reason("not_placed")
NO_FIT = Reason("no_fit")
