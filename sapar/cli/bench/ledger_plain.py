"""Posting one by one, to compare with: what most ledgers in SQL do.

A function in the database moves one amount: it locks both accounts in the order of their numbers,
updates both balances, and writes a transfer and two entries with the balances before and after. It
has no keys against repeats, no journals of more than two entries, no chain and no days.
"""

from __future__ import annotations

from typing import Final

PLAIN_LEDGER: Final = """
CREATE TABLE plain_account (
    id bigint PRIMARY KEY, balance bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0
);
CREATE TABLE plain_transfer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, from_id bigint NOT NULL,
    to_id bigint NOT NULL, amount bigint NOT NULL CHECK (amount > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE plain_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL,
    transfer_id bigint NOT NULL, amount bigint NOT NULL, before bigint NOT NULL,
    after bigint NOT NULL, version bigint NOT NULL
);
CREATE INDEX plain_entry_account ON plain_entry (account_id);
CREATE INDEX plain_entry_transfer ON plain_entry (transfer_id);
CREATE FUNCTION plain_create_transfer(a bigint, b bigint, x bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
    one plain_account;
    other plain_account;
BEGIN
    PERFORM 1 FROM plain_account WHERE id IN (a, b) ORDER BY id FOR UPDATE;
    INSERT INTO plain_transfer (from_id, to_id, amount) VALUES (a, b, x) RETURNING id INTO made;
    UPDATE plain_account SET balance = balance - x, version = version + 1 WHERE id = a
        RETURNING * INTO one;
    UPDATE plain_account SET balance = balance + x, version = version + 1 WHERE id = b
        RETURNING * INTO other;
    INSERT INTO plain_entry (account_id, transfer_id, amount, before, after, version)
    VALUES (a, made, -x, one.balance + x, one.balance, one.version),
           (b, made, x, other.balance - x, other.balance, other.version);
    RETURN made;
END
$$;
"""
"""To be run once; accounts are made by whoever measures."""
