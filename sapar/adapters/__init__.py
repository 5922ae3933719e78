"""Gateways from other trackers' protocols to the wire contract, one module pair each.

Comes in: what a tracker says over its own protocol. Goes out: records on the device listener, under
the device's own credentials, exactly as if the device spoke the contract itself; and the tracker's
answer, once Sapar's acknowledgement names the record. Imports contract and core, never the
database. docs/adapters.md tells how to write another.
"""
