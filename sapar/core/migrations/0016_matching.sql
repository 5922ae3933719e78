-- Finance: items that bank lines pay, and matches. Amounts are whole tiyn, signed as the bank shows
-- them: a receipt is positive.

-- What a bank line pays: a deposit of an agent, a processor's payout, a payment order, a claim on a
-- budget, a refund, or what is left of one of these. It stands on the ledger account (code, owner),
-- which a match clears. The line is expected at `amount_tiyn - fee_tiyn`.
CREATE TABLE finance_item (
    item_no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id        text NOT NULL REFERENCES agency,
    kind             text NOT NULL CHECK (kind <> ''),
    source_key       text NOT NULL CHECK (source_key <> ''),
    code             smallint NOT NULL,
    owner            text NOT NULL,
    amount_tiyn      bigint NOT NULL CHECK (amount_tiyn <> 0),
    item_date        date NOT NULL,
    due_on           date CHECK (due_on >= item_date),
    reference        text NOT NULL DEFAULT '',
    batch_ref        text NOT NULL DEFAULT '',
    counterparty_bin  text,
    counterparty_iban text,
    bank_account_no  int REFERENCES bank_account,  -- where it is expected; null: anywhere
    fee_tiyn         bigint NOT NULL DEFAULT 0
                     CHECK (fee_tiyn = 0 OR amount_tiyn > 0 AND fee_tiyn BETWEEN 1 AND amount_tiyn - 1),
    residual_code    smallint,                     -- where a difference may go by itself
    residual_owner   text,
    tolerance_tiyn   bigint NOT NULL DEFAULT 0 CHECK (tolerance_tiyn >= 0),
    parent_item_no   bigint REFERENCES finance_item,  -- of a remainder
    detail           jsonb,
    cancelled_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (agency_id, source_key),
    CHECK ((residual_code IS NULL) = (residual_owner IS NULL)),
    CHECK (tolerance_tiyn = 0 OR residual_code IS NOT NULL)
);
CREATE INDEX finance_item_account ON finance_item (agency_id, code, owner, item_date);
CREATE INDEX finance_item_day ON finance_item (agency_id, item_date);
CREATE INDEX finance_item_parent ON finance_item (parent_item_no)
    WHERE parent_item_no IS NOT NULL;

-- Lines that were found to pay items. The journal moves the lines' sum from 2910 to the items'
-- accounts; sum of lines = sum of items - fee + residual.
CREATE SEQUENCE bank_match_number;
CREATE TABLE bank_match (
    match_no        bigint PRIMARY KEY DEFAULT nextval('bank_match_number'),
    agency_id       text NOT NULL REFERENCES agency,
    bank_account_no int REFERENCES bank_account,  -- of its lines; null: they are on several
    source_key      text NOT NULL,                -- also the journal's
    content_hash    bytea NOT NULL,               -- of what came with the key
    rule            text NOT NULL,
    rule_version    int NOT NULL,
    settings_version int NOT NULL,                -- 0: as the product brings them
    lines_tiyn      bigint NOT NULL,              -- sums
    items_tiyn      bigint NOT NULL,
    fee_tiyn        bigint NOT NULL DEFAULT 0,    -- expected, to 5160
    residual_tiyn   bigint NOT NULL DEFAULT 0,    -- beyond it
    residual_code   smallint,
    residual_owner  text,
    journal_no      bigint,  -- null: the lines cancel each other, nothing moves
    made_at         timestamptz NOT NULL,
    made_by         text NOT NULL CHECK (made_by <> ''),
    note            text NOT NULL DEFAULT '',
    undone_at       timestamptz,
    undone_by       text,
    undo_journal_no bigint,
    undo_reason     text CHECK (undo_reason <> ''),
    UNIQUE (agency_id, source_key),
    CHECK (lines_tiyn = items_tiyn - fee_tiyn + residual_tiyn),
    CHECK (residual_tiyn = 0 OR residual_code IS NOT NULL),
    CHECK ((residual_code IS NULL) = (residual_owner IS NULL)),
    CHECK (num_nulls(undone_at, undone_by, undo_reason) IN (0, 3)),
    CHECK (undo_journal_no IS NULL OR undone_at IS NOT NULL)
);
CREATE INDEX bank_match_made ON bank_match (agency_id, made_at);

CREATE TABLE bank_match_line (
    match_no bigint NOT NULL REFERENCES bank_match,
    line_no  bigint NOT NULL REFERENCES bank_line,
    active   boolean NOT NULL DEFAULT true,  -- until it is undone
    PRIMARY KEY (match_no, line_no)
);
CREATE UNIQUE INDEX bank_match_line_active ON bank_match_line (line_no) WHERE active;
CREATE INDEX bank_match_line_undone ON bank_match_line (line_no) WHERE NOT active;
CREATE TABLE bank_match_item (
    match_no bigint NOT NULL REFERENCES bank_match,
    item_no  bigint NOT NULL REFERENCES finance_item,
    active   boolean NOT NULL DEFAULT true,
    PRIMARY KEY (match_no, item_no)
);
CREATE UNIQUE INDEX bank_match_item_active ON bank_match_item (item_no) WHERE active;
CREATE INDEX bank_match_item_undone ON bank_match_item (item_no) WHERE NOT active;

-- Lines that the last run left open though something fits: several items equally well, or the one
-- that the line names with an amount that no rule allows.
CREATE TABLE bank_match_hint (
    line_no    bigint PRIMARY KEY REFERENCES bank_line,
    agency_id  text NOT NULL REFERENCES agency,
    rule       text NOT NULL,
    reason     text NOT NULL CHECK (reason IN ('ambiguous', 'amount_differs', 'undone')),
    items      bigint[] NOT NULL,  -- the first of them
    item_count int NOT NULL CHECK (item_count > 0)
);
CREATE INDEX bank_match_hint_agency ON bank_match_hint (agency_id);

-- Windows and limits of the rules: each change is a new version.
CREATE TABLE matching_settings (
    agency_id  text NOT NULL REFERENCES agency,
    version    int NOT NULL CHECK (version > 0),
    settings   jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL CHECK (changed_by <> ''),
    PRIMARY KEY (agency_id, version)
);
CREATE TRIGGER matching_settings_append_only BEFORE UPDATE OR DELETE ON matching_settings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What was matched stays on record: only that it was undone may be added, and that once.
CREATE TRIGGER bank_match_evidence BEFORE UPDATE OF match_no, agency_id, bank_account_no, source_key,
    content_hash, rule, rule_version, settings_version, lines_tiyn, items_tiyn, fee_tiyn,
    residual_tiyn, residual_code, residual_owner, journal_no, made_at, made_by, note ON bank_match
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_match_undone_once BEFORE UPDATE ON bank_match
    FOR EACH ROW WHEN (OLD.undone_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_match_kept BEFORE DELETE ON bank_match
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER finance_item_evidence BEFORE UPDATE OF item_no, agency_id, kind, source_key, code,
    owner, amount_tiyn, item_date, due_on, reference, batch_ref, counterparty_bin,
    counterparty_iban, bank_account_no, fee_tiyn, residual_code, residual_owner, tolerance_tiyn,
    parent_item_no, detail, created_at ON finance_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER finance_item_kept BEFORE DELETE ON finance_item
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'sapar_ticketing') THEN
        GRANT USAGE ON SEQUENCE bank_match_number TO sapar_ticketing;
        GRANT SELECT, INSERT ON finance_item, bank_match, bank_match_line, bank_match_item,
            bank_match_hint, matching_settings TO sapar_ticketing;
        GRANT UPDATE (cancelled_at) ON finance_item TO sapar_ticketing;
        GRANT UPDATE (undone_at, undone_by, undo_journal_no, undo_reason) ON bank_match
            TO sapar_ticketing;
        GRANT UPDATE (active) ON bank_match_line, bank_match_item TO sapar_ticketing;
        GRANT UPDATE, DELETE ON bank_match_hint TO sapar_ticketing;
    END IF;
END
$$;
