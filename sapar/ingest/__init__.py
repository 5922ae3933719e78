"""Ingest: from the broker to the database, acknowledged after the commit.

Comes in: messages of devices, by a shared subscription. Goes out: rows, dead letters,
acknowledgements. Imports fleet, contract and core; never the API or the simulators.
"""
