"""The wire, version 1: message models, topics, codecs and content checks. Pure, no I/O.

Comes in: bytes and topics. Goes out: records, refusals with a code, bytes. Imports only core.
What a firmware engineer needs is in docs/wire-contract.md.
"""
