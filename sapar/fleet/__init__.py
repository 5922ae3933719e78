"""The fleet: agencies, devices, which vehicle a device is mounted in, and who may connect.

Comes in: what a person or a CSV says. Goes out: an immutable `Registry` in memory for the parts
that look devices up, and the broker's configuration, passwords and access rules.
Imports contract and core.
"""
