"""The realtime engine: fixes and a timetable come in, the feeds of one agency go out, tick by tick.

`engine.Engine` is pure: no I/O, no clock, every time passed in; `service` puts it on the broker and
the database. The hard thinking is in functions over whole arrays:

    intake      fixes as columns, verdicts (late, jump, stale)
    progress    a fix becomes a distance along the trip, forward only
    paths       where on which line a bus may be, judged by its last moves
    candidates  the runs a bus may be on, with costs; assignment: one bus a run, conflicts explained
    prediction  times of arrival and departure at the stops ahead
    encode      the three feeds and the live page's fleet; wire: trip updates in bulk

`tick` is the seam to the API. May import gtfs, fleet, contract and core.
"""
