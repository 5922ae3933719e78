"""Scores in service: predictions are sampled while the engine runs and scored after the day.

    sampling   which vehicles, what of them; rows for the database
    keeper     rows on their way to the database, in the engine's process
    day        the pure part of the scoring: per route and horizon
    store      reading, writing, dropping; `score_day` does it all

The rules are those of `gtfs.realtime.score`; what happened is what the stop visits say.
"""
