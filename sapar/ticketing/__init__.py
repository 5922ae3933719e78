"""Ticketing: from a validator's tap to double-entry postings.

Comes in: taps of devices, by a shared subscription; operations on cards. Goes out: stored evidence,
acknowledgements, journals, exceptions, the deny list. Imports fleet, contract and core, and GTFS
for what a fare depends on; never ingest, the API or the simulators.
"""
