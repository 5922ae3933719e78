"""People and access: who may do what, who is signed in, keys of apps, who changed what.

One implementation for every desk. Every function that changes something writes the audit log in the
same transaction; the caller owns that transaction.
"""
