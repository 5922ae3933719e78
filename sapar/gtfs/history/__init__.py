"""History: what the fleet did, kept, made again from stored fixes, and proven run by run.

    visits      stop visits by names that outlive a timetable; repeats merged
    recorder    the engine's visits on their way to the database, behind a bounded buffer
    replay      the very same engine over stored fixes, in an order that content alone decides
    rebuild     a service day's visits made again from all fixes that have come by now
    learning    travel times learnt from visits; learnt keeps them over a restart
    planned     the runs that a service day should have; headway runs matched to their slots
    evidence    fixes of a bus during a run: how many, silences, where
    proof       done, partly or not done, with reasons; proofs keeps them, with corrections
    nightly     all of it after the end of a service day, step by step

`visits`, `replay`, `learning`, `planned`, `evidence` and `proof` are pure. May import what
`gtfs.realtime` may, and the engine itself.
"""
