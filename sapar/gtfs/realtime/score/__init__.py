"""Scores of arrival predictions: what was promised against what the positions show happened.

    samples     predictions taken from the engine's picture, as columns
    tracks      recorded fixes by vehicle and time, jumps left out, cut where the record breaks
    passages    when which vehicle came to which stop, from the tracks alone: the truth
    matching    each prediction gets its passage, or the reason why it has none
    buckets     shares inside the accepted windows, errors, coverage

The rules are those of the ETA Accuracy Benchmark with predictions that never came true counted as
wrong; docs/evaluation.md has them in words. Pure: arrays in, arrays out; nothing here knows how a
prediction was made.
"""
