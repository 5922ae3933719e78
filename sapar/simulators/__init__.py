"""Things that stand in for the real world: a synthetic city, buses that drive in it, replays.

Simulators speak to the rest only as the outside world does, through GTFS files and the wire
contract: they never touch the database.
"""
