"""GTFS: the static timetable, and the realtime engine over it."""
