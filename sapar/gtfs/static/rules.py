"""Every code that a feed can be refused or warned with. docs/timetable.md lists them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code means; `refuses` tells a refusal from a warning."""

    code: str
    refuses: bool
    meaning: str


def _rules(refuses: bool, lines: dict[str, str]) -> dict[str, Rule]:
    return {code: Rule(code, refuses, meaning) for code, meaning in lines.items()}


REFUSALS = _rules(
    True,
    {
        # the zip
        "not_a_zip": "The file cannot be opened as a zip.",
        "zip_too_large": "The zip is larger than 256 MiB.",
        "too_many_members": "The zip has more than 1,000 members.",
        "unpacked_too_large": "The zip unpacks to more than 2 GiB.",
        "ratio_too_high": "A member larger than 1 MiB unpacks to more than 100 times its size.",
        "overlapping_members": "Members share bytes of the zip.",
        "duplicate_member": "Two members have the same name, ignoring case.",
        "unsafe_name": "A name is absolute, has '..', a backslash, a colon or a control character.",
        "not_a_regular_file": "A member is a symbolic link or another special file.",
        "encrypted_member": "A member is encrypted.",
        "unknown_compression": "A member is neither stored nor deflated.",
        "corrupt_member": "A member does not unpack, or its checksum or size is wrong.",
        "files_in_folder": "The feed's files lie in a folder of the zip instead of at its top.",
        # files and rows
        "missing_file": "A file that no timetable can do without is missing.",
        "empty_file": "A required file has no header or no rows.",
        "missing_column": "A required column is missing.",
        "duplicate_column": "A column that is read stands in the header twice.",
        "not_utf8": "A file is not UTF-8.",
        "nul_character": "A file contains a NUL character.",
        "unreadable_row": "A row cannot be split into fields: its quotes do not match.",
        "too_many_fields": "A row has values beyond the last column of the header.",
        "missing_value": "A required value is empty.",
        "bad_value": "A value that is needed cannot be read.",
        # keys and references
        "duplicate_key": "Two rows have the same key.",
        "unknown_route": "A trip names a route that does not exist.",
        "unknown_service": "A trip names a service that no calendar has.",
        "unknown_trip": "A stop time or frequency names a trip that does not exist.",
        "unknown_stop": "A stop time names a stop that does not exist.",
        "no_stop_times": "No trip has a stop time.",
        # what a running timetable needs
        "bad_stop_position": "A stop that a trip serves has no position, or an impossible one.",
        "bad_shape_position": "A point of a shape has an impossible position.",
        "untimed_trip_end": "The first or last stop of a trip has neither arrival nor departure.",
        "bad_timezone": "The agency's time zone is not in the IANA database.",
        "several_timezones": "The agencies of the feed have different time zones.",
    },
)

WARNINGS = _rules(
    False,
    {
        # the zip and its files
        "stray_file": "A file that does not belong to GTFS; it is not read.",
        "missing_recommended_file": "feed_info.txt is missing: the feed does not name its version.",
        "missing_recommended_column": "A column that passengers need is missing.",
        "empty_optional_file": "An optional file has a header and no rows.",
        "untrimmed_column": "A column's name has spaces around it; they are ignored.",
        "untrimmed_value": "A value has spaces around it; they are ignored (counted once a value).",
        "short_row": "A row ends before the last column; the missing values count as empty.",
        "extra_empty_fields": "A row has empty fields beyond the last column; they are ignored.",
        "missing_recommended_value": "A value that passengers or the feed's users need is empty.",
        "bad_optional_value": "An optional value cannot be read and counts as empty.",
        # stops and routes
        "bad_unused_stop_position": "A stop that no trip serves has no position.",
        "unused_stop": "A stop that no trip serves.",
        "unused_route": "A route without trips.",
        "unknown_parent_station": "A stop names a parent station that does not exist.",
        "not_a_platform": "A trip stops at a station, entrance or node instead of a stop.",
        "unknown_agency": "A route names an agency that does not exist, or none of several.",
        "unnamed_route": "A route has neither a short nor a long name.",
        # trips
        "trip_without_stop_times": "A trip without stop times; it is left out.",
        "single_stop_trip": "A trip with one stop; a vehicle cannot be followed along it.",
        "no_shapes": "The feed has no shapes; the line of stops is used.",
        "trip_without_shape": "A trip has no shape, others have; the line of stops is used.",
        "unknown_shape": "A trip names a shape that does not exist; the line of stops is used.",
        "short_shape": "A shape with fewer than two points; the line of stops is used.",
        "unused_shape": "A shape that no trip uses.",
        "no_directions": "No trip has a direction.",
        "no_blocks": "No trip has a block.",
        "overlapping_block": "Two trips of a block run at the same time under the same service.",
        # times and calendars
        "decreasing_time": "A time is earlier than the one before it; as few times as possible are"
        " dropped and interpolated.",
        "wrapped_midnight": "Times start anew from 00:00 after midnight instead of counting on from"
        " 24:00; they are carried into the next day.",
        "departure_before_arrival": "A vehicle departs before it arrives; the arrival is kept.",
        "interpolated_times": "Stop times without a time; they are interpolated along the line.",
        "service_never_runs": "A service that runs on no day.",
        "calendar_expired": "The last service date has passed.",
        "calendar_not_started": "The first service date is still to come.",
        "empty_frequency": "A frequency ends before it starts.",
        "overlapping_frequencies": "Two frequencies of a trip overlap.",
        # geometry
        "fast_travel": "A vehicle would have to drive faster than 45 m/s between two stops.",
        "stop_far_from_shape": "A stop lies more than 100 m from its place on the shape: the shape"
        " is wrong, or the stops of the trip are out of order.",
        "reversed_shape": "A shape runs against its trip; it is turned round.",
        "shape_does_not_fit": "A fifth of a trip's stops lie more than 300 m from their places on"
        " the shape, either way round; the line of stops is used.",
    },
)

RULES: dict[str, Rule] = REFUSALS | WARNINGS
