"""The HTTP side: feeds for machines and pages for people, in any number of equal instances.

Comes in: ticks from the broker, the timetable's tables from the database. Goes out: GTFS-realtime,
GTFS, JSON and the front end in `web/`. Holds no state that another instance would miss, so it may
import gtfs, contract and core, and never ingest or the simulators.
"""
