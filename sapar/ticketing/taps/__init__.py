"""Taps as evidence: stored, judged by the set of all that is known, and their fares posted."""
