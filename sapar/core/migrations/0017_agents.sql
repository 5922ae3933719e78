-- Finance: top-up agents and processors. Amounts are whole tiyn, parts basis points (1/100 %).

-- Whether whoever takes money must stand in the tables below; without a row they need not.
CREATE TABLE agent_rule (
    agency_id  text PRIMARY KEY REFERENCES agency,
    required   boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);

-- Who takes riders' money for us. `agent_id` owns the accounts 1110, 2410, 2420 and 5150.
CREATE TABLE agent (
    agency_id  text NOT NULL REFERENCES agency,
    agent_id   text NOT NULL CHECK (agent_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'),
    name       text NOT NULL CHECK (name <> ''),
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    reason     text NOT NULL DEFAULT '',  -- why it is suspended
    mapping    jsonb,                     -- how its registers are read; null: as documented
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    PRIMARY KEY (agency_id, agent_id)
);

-- What was agreed with it, from which day on; of those that have begun the newest day's hold, and
-- of one day's the last that were agreed. Never changed.
CREATE TABLE agent_terms (
    agency_id            text NOT NULL,
    agent_id             text NOT NULL,
    terms_no             int NOT NULL CHECK (terms_no > 0),
    from_date            date NOT NULL,
    kind                 text NOT NULL CHECK (kind IN ('postpaid', 'prepaid')),
    credit_limit_tiyn    bigint CHECK (credit_limit_tiyn >= 0),  -- null: none, a desk of our own
    commission_bp        int NOT NULL DEFAULT 0 CHECK (commission_bp BETWEEN 0 AND 10000),
    commission_least_tiyn bigint NOT NULL DEFAULT 0 CHECK (commission_least_tiyn >= 0),
    commission_most_tiyn bigint CHECK (commission_most_tiyn >= commission_least_tiyn),
    netted               boolean NOT NULL DEFAULT false,  -- keeps its commission from the deposit
    due_days             int NOT NULL DEFAULT 1 CHECK (due_days BETWEEN 0 AND 366),
    register_due_h       int CHECK (register_due_h BETWEEN 0 AND 1000),  -- null: it sends none
    register_start       time NOT NULL DEFAULT '04:00',  -- local time at which its day begins
    bin                  text CHECK (bin ~ '^[0-9]{12}$'),
    iban                 text CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$'),
    bank_account_id      text CHECK (bank_account_id <> ''),  -- of ours, where it pays in
    agreed_at            timestamptz NOT NULL,
    agreed_by            text NOT NULL,
    PRIMARY KEY (agency_id, agent_id, terms_no),
    FOREIGN KEY (agency_id, agent_id) REFERENCES agent
);
CREATE INDEX agent_terms_day ON agent_terms (agency_id, agent_id, from_date, terms_no);

-- Kaspi, an acquirer, an operator of SMS payments: takes money and pays it out later, less a fee.
-- `processor_id` owns the account 1020.
CREATE TABLE processor (
    agency_id    text NOT NULL REFERENCES agency,
    processor_id text NOT NULL CHECK (processor_id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'
                                      AND processor_id <> 'payments'),  -- owner of another 1020
    name         text NOT NULL CHECK (name <> ''),
    status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    reason       text NOT NULL DEFAULT '',
    mapping      jsonb,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    PRIMARY KEY (agency_id, processor_id)
);
CREATE TABLE processor_terms (
    agency_id       text NOT NULL,
    processor_id    text NOT NULL,
    terms_no        int NOT NULL CHECK (terms_no > 0),
    from_date       date NOT NULL,
    fee_bp          int NOT NULL DEFAULT 0 CHECK (fee_bp BETWEEN 0 AND 10000),  -- of a day's sum
    fee_fixed_tiyn  bigint NOT NULL DEFAULT 0 CHECK (fee_fixed_tiyn >= 0),  -- for each transaction
    payout_days     int NOT NULL DEFAULT 1 CHECK (payout_days BETWEEN 0 AND 366),
    register_due_h  int CHECK (register_due_h BETWEEN 0 AND 1000),
    register_start  time NOT NULL DEFAULT '04:00',
    bin             text CHECK (bin ~ '^[0-9]{12}$'),
    iban            text CHECK (iban ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$'),
    bank_account_id text CHECK (bank_account_id <> ''),
    agreed_at       timestamptz NOT NULL,
    agreed_by       text NOT NULL,
    PRIMARY KEY (agency_id, processor_id, terms_no),
    FOREIGN KEY (agency_id, processor_id) REFERENCES processor
);
CREATE INDEX processor_terms_day
    ON processor_terms (agency_id, processor_id, from_date, terms_no);

CREATE TRIGGER agent_terms_kept BEFORE UPDATE OR DELETE ON agent_terms
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER agent_terms_not_truncated BEFORE TRUNCATE ON agent_terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER processor_terms_kept BEFORE UPDATE OR DELETE ON processor_terms
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER processor_terms_not_truncated BEFORE TRUNCATE ON processor_terms
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A day's file of an agent or processor, as received. Another file for the day is a correction:
-- the newest stands, all are kept.
CREATE TABLE register (
    register_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id    text NOT NULL,
    agent_id     text,
    processor_id text,
    party        text NOT NULL GENERATED ALWAYS AS (
                     CASE WHEN agent_id IS NULL THEN 'processor' ELSE 'agent' END) STORED,
    party_id     text NOT NULL GENERATED ALWAYS AS (coalesce(agent_id, processor_id)) STORED,
    day          date NOT NULL,
    number       text NOT NULL CHECK (number <> ''),  -- the sender's, or ours
    format       text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    file_name    text NOT NULL,
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),  -- SHA-256 of the file
    file         bytea NOT NULL,
    mapping      jsonb NOT NULL,  -- it was read by
    row_count    int NOT NULL CHECK (row_count >= 0),
    total_tiyn   bigint NOT NULL, -- of the rows that are not cancelled
    replaces     bigint UNIQUE REFERENCES register,
    replaced_at  timestamptz,
    imported_at  timestamptz NOT NULL,
    imported_by  text NOT NULL,
    CHECK (num_nonnulls(agent_id, processor_id) = 1),
    FOREIGN KEY (agency_id, agent_id) REFERENCES agent,
    FOREIGN KEY (agency_id, processor_id) REFERENCES processor
);
CREATE UNIQUE INDEX register_stands ON register (agency_id, party, party_id, day)
    WHERE replaced_at IS NULL;
CREATE UNIQUE INDEX register_file ON register (agency_id, party, party_id, day, digest);
CREATE INDEX register_day ON register (agency_id, day);
CREATE TABLE register_row (
    register_no bigint NOT NULL REFERENCES register,
    line        int NOT NULL CHECK (line > 0),  -- of the file
    reference   text NOT NULL,   -- the key of our operation, or ''
    at          timestamptz NOT NULL,
    amount_tiyn bigint NOT NULL CHECK (amount_tiyn > 0),
    card_ref    text NOT NULL,   -- or ''
    masked      text NOT NULL,   -- a bank card's number with most digits hidden, or ''
    status      text NOT NULL CHECK (status IN ('done', 'cancelled')),
    PRIMARY KEY (register_no, line)
);
CREATE TRIGGER register_evidence BEFORE UPDATE OF register_no, agency_id, agent_id, processor_id,
    day, number, format, file_name, digest, file, mapping, row_count, total_tiyn, replaces,
    imported_at, imported_by ON register
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_kept BEFORE DELETE ON register
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_not_truncated BEFORE TRUNCATE ON register
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_row_kept BEFORE UPDATE OR DELETE ON register_row
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_row_not_truncated BEFORE TRUNCATE ON register_row
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What finance looks for in the ledger: the operations of a day among its rides, and payouts.
CREATE INDEX journal_operation_day ON journal (agency_id, business_date)
    WHERE source_key IS NOT NULL;
CREATE INDEX journal_pay_out ON journal (agency_id, journal_no) WHERE kind = 'pay_out';
CREATE INDEX journal_agent_netting ON journal (agency_id, service_date)
    WHERE kind = 'agent_netting';
CREATE INDEX card_operation_taker
    ON card_operation (agency_id, (request -> 'paid' ->> 'name'), event_at);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT SELECT, INSERT ON agent_rule, agent, agent_terms, processor, processor_terms,
            register, register_row TO sapar_ticketing;
        GRANT UPDATE ON agent_rule TO sapar_ticketing;
        GRANT UPDATE (name, status, reason, mapping) ON agent, processor TO sapar_ticketing;
        GRANT UPDATE (replaced_at) ON register TO sapar_ticketing;
    END IF;
END
$$;
