"""What every part that takes records from devices needs: ingest and ticketing stand on it.

Comes in: messages of a shared subscription. Goes out: records that passed the checks, dead letters,
batches, acknowledgements to devices. Imports fleet, contract and core; knows no table but
`dead_letter`.
"""
