-- Finance: bank accounts, statements and their lines. Amounts are whole tiyn.

-- An account of ours at a bank. `bank_account_id` owns its ledger accounts 1010 and 2910. From
-- `opening` on all of its lines are known; `closing` is the newest statement's and 1010's balance.
CREATE TABLE bank_account (
    bank_account_no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id       text NOT NULL REFERENCES agency,
    bank_account_id text NOT NULL CHECK (bank_account_id ~ '^[a-z0-9-]{1,32}$'),
    iban            text NOT NULL CHECK (iban ~ '^[A-Z0-9]{5,34}$'),
    name            text NOT NULL,
    currency        text NOT NULL DEFAULT 'KZT' CHECK (currency = 'KZT'),
    opening_on      date,    -- first day of the earliest statement; null: no statement yet
    opening_tiyn    bigint,  -- at the beginning of that day
    closing_on      date,    -- last day of the newest statement
    closing_tiyn    bigint,  -- at the end of it, as far as the bank has shown it
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    UNIQUE (agency_id, bank_account_id),
    UNIQUE (agency_id, iban),
    CHECK (num_nulls(opening_on, opening_tiyn, closing_on, closing_tiyn) IN (0, 4)),
    CHECK (closing_on >= opening_on)
);

-- How the columns of the account's tables are to be read, a mapping for each of the two formats.
CREATE TABLE bank_mapping (
    bank_account_no int NOT NULL REFERENCES bank_account,
    format          text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    mapping         jsonb NOT NULL,
    changed_at      timestamptz NOT NULL,
    changed_by      text NOT NULL,
    PRIMARY KEY (bank_account_no, format)
);

-- Every file that was taken, also one that brought nothing new.
CREATE TABLE bank_statement (
    statement_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bank_account_no int NOT NULL REFERENCES bank_account,
    from_date       date NOT NULL,
    to_date         date NOT NULL CHECK (to_date >= from_date),
    opening_tiyn    bigint NOT NULL,
    closing_tiyn    bigint NOT NULL,
    format          text NOT NULL CHECK (format IN ('1c', 'csv', 'xlsx', 'camt053', 'mt940')),
    file_name       text NOT NULL,
    digest          bytea NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256 of the file
    file            bytea,  -- with bank cards' numbers masked; null: they could not be
    line_count      int NOT NULL CHECK (line_count >= 0),
    new_line_count  int NOT NULL CHECK (new_line_count BETWEEN 0 AND line_count),
    imported_at     timestamptz NOT NULL,
    imported_by     text NOT NULL,
    UNIQUE (bank_account_no, digest)
);
CREATE INDEX bank_statement_to ON bank_statement (bank_account_no, to_date);

-- What moved on an account. A line stands here once, in however many files it came.
CREATE TABLE bank_line (
    line_no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id         text NOT NULL REFERENCES agency,
    bank_account_no   int NOT NULL REFERENCES bank_account,
    statement_no      bigint NOT NULL REFERENCES bank_statement,  -- that brought it
    position          int NOT NULL CHECK (position > 0),  -- in that statement
    line_key          text NOT NULL CHECK (line_key <> ''),
    booked_on         date NOT NULL,
    value_on          date,
    amount_tiyn       bigint NOT NULL CHECK (amount_tiyn <> 0),  -- a receipt is positive
    counterparty_name text NOT NULL DEFAULT '',
    counterparty_bin  text,
    counterparty_iban text,
    reference         text NOT NULL DEFAULT '',  -- of the payer, or the document's number
    bank_reference    text NOT NULL DEFAULT '',  -- of the bank
    purpose           text NOT NULL DEFAULT '',
    journal_no        bigint NOT NULL,           -- that posted it
    UNIQUE (bank_account_no, line_key)
);
CREATE INDEX bank_line_day ON bank_line (agency_id, booked_on);
CREATE INDEX bank_line_account_day ON bank_line (bank_account_no, booked_on);
CREATE INDEX bank_line_statement ON bank_line (statement_no);

CREATE TRIGGER bank_statement_append_only BEFORE UPDATE OR DELETE ON bank_statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_statement_not_truncated BEFORE TRUNCATE ON bank_statement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_line_append_only BEFORE UPDATE OR DELETE ON bank_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_line_not_truncated BEFORE TRUNCATE ON bank_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT ON bank_account, bank_mapping, bank_statement, bank_line TO sapar_ticketing;
        GRANT INSERT ON bank_account, bank_mapping, bank_statement, bank_line TO sapar_ticketing;
        GRANT UPDATE ON bank_account, bank_mapping TO sapar_ticketing;
    END IF;
END
$$;
